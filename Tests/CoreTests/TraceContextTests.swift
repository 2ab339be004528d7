import CardumeCore
import CardumeTesting
import Testing

@Suite struct TraceContextTests {
    private static let id = "0af7651916cd43dd8448eb211c80319c"
    private static let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    @Test func aParentIsReadAndWritten() throws {
        let trace = try #require(TraceContext(traceparent: Self.good))
        #expect(trace.traceID == Self.id)
        #expect(trace.span == SpanReference(id: 0xb7ad_6b71_6920_3331, isSampled: true))
        #expect(trace.traceparent == Self.good)
        #expect(trace.low == 0x8448_eb21_1c80_319c)
        // Of the flags, only the one that the recommendation defines is handed on.
        let odd = try #require(TraceContext(traceparent: "00-\(Self.id)-00000000000000a1-fe"))
        #expect(odd.traceparent == "00-\(Self.id)-00000000000000a1-00")
        let later = try #require(TraceContext(traceparent: "cc-\(Self.id)-b7ad6b7169203331-01-what-comes=later"))
        #expect(later.traceparent == Self.good)
    }

    @Test(arguments: [
        "", "-", "00", "00-", "00---", "\u{0}", "00-é-é-é",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-011",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-extra",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-B7AD6B7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319cc-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "0-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "0g-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        " 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 ",
        "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01, 01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01, 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00_0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331_01",
        "00-+af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ])
    func whatIsNoParentIsIgnored(_ header: String) {
        #expect(TraceContext(traceparent: header) == nil)
    }

    /// Whatever bytes a header is made of, reading it neither crashes nor lets anything through that is written otherwise.
    @Test func damagedHeadersNeverPass() throws {
        var generator = SeededGenerator(seed: 5)
        let good = Array(Self.good.utf8)
        var survivors = 0
        for _ in 0..<20_000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes[index] = .random(in: .min ... .max, using: &generator)
                case 1: bytes.remove(at: index)
                default: bytes.insert(.random(in: 0x20...0x7E, using: &generator), at: index)
                }
            }
            guard let trace = TraceContext(traceparent: String(decoding: bytes, as: UTF8.self)) else { continue }
            survivors += 1
            #expect(TraceContext(traceparent: trace.traceparent) == trace)
            #expect(trace.traceparent.utf8.count == 55)
        }
        #expect(survivors > 0 && survivors < 10_000, "\(survivors)")
    }

    @Test(
        arguments: [
            ("congo=t61rcWkgMzE", "congo=t61rcWkgMzE"), ("rojo=00f067aa0ba902b7,congo=t61", "rojo=00f067aa0ba902b7,congo=t61"),
            (" a=1 ,\t b=2 ,, ", "a=1,b=2"), ("tenant@vendor=x y", "tenant@vendor=x y"), ("0a_-*/=!", "0a_-*/=!"),
            ("", nil), (",", nil), ("a", nil), ("a=", nil), ("=1", nil), ("A=1", nil), ("a=1,a=2", nil), ("a=b=c", nil),
            ("a@b@c=1", nil), ("a=é", nil), ("a=1\n", nil), ("_a=1", nil), ("a =1", nil),
            ((0..<32).map { "k\($0)=v" }.joined(separator: ","), (0..<32).map { "k\($0)=v" }.joined(separator: ",")),
            ((0..<33).map { "k\($0)=v" }.joined(separator: ","), nil), ("a=" + String(repeating: "x", count: 511), nil),
        ] as [(String, String?)])
    func stateIsHandedOnOrLeftOut(_ header: String, _ state: String?) throws {
        let trace = try #require(TraceContext(traceparent: Self.good, tracestate: header))
        #expect(trace.span?.state == state)
        #expect(trace.traceparent == Self.good)
    }

    @Test(
        arguments: [
            "b7ad6b7169203331-01", "b7ad6b7169203331-00", "0000000000000001-01 a=1,b=2 3",
        ])
    func aSpanStandsInALog(_ text: String) throws {
        #expect(try #require(SpanReference(rawValue: text)).rawValue == text)
    }

    @Test(arguments: [
        "", " ", "0000000000000000-01", "b7ad6b7169203331", "b7ad6b7169203331-1", "x-01", "b7ad6b7169203331-01-00",
    ])
    func whatIsNoSpanIsIgnored(_ text: String) {
        #expect(SpanReference(rawValue: text) == nil)
    }

    @Test func aTraceWithoutSpansStillHasAParent() throws {
        let trace = try #require(TraceContext(traceID: Self.id))
        #expect(trace.traceparent == "00-\(Self.id)-8448eb211c80319c-00")
        let odd = try #require(TraceContext(traceID: "0af7651916cd43dd0000000000000000"))
        #expect(TraceContext(traceparent: odd.traceparent) != nil)
        #expect(TraceContext(traceID: "t") == nil)
        #expect(TraceContext(traceID: Self.id.uppercased()) == nil)
        #expect(TraceContext(high: 0, low: 0xAB).traceID == "000000000000000000000000000000ab")
    }

    @Test func whoBeganATraceDecides() throws {
        let (all, none) = (TraceSampling(ratio: 1), TraceSampling(ratio: 0))
        let recorded = try #require(TraceContext(traceparent: Self.good))
        #expect(none.samples(recorded))
        var other = recorded
        other.span = SpanReference(id: 1, isSampled: false)
        #expect(!all.samples(other))
        #expect(all.samples(TraceContext(high: 0, low: .max)))
        #expect(!none.samples(TraceContext(high: 1, low: 0)))
    }

    @Test(arguments: [0.01, 0.1, 0.5, 0.9])
    func ofTheOthersAPartIsRecorded(_ ratio: Double) {
        var generator = SeededGenerator(seed: 3)
        let count = (0..<20_000).count { _ in
            TraceSampling(ratio: ratio).samples(TraceContext(high: 1, low: .random(in: .min ... .max, using: &generator)))
        }
        #expect(abs(Double(count) / 20_000 - ratio) < 0.02)
    }
}
