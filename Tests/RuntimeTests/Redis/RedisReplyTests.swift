import Testing

@testable import CardumeRuntime

/// The reader and the tape, against a straightforward model.
@Suite struct RedisReplyTests {
    /// A reply as anybody would write it down.
    indirect enum Model: Equatable {
        case null, integer(Int), string([UInt8]), status(String), error(String), array([Model])

        var wire: [UInt8] {
            switch self {
            case .null: Array("$-1\r\n".utf8)
            case .integer(let value): Array(":\(value)\r\n".utf8)
            case .string(let bytes): Array("$\(bytes.count)\r\n".utf8) + bytes + [13, 10]
            case .status(let text): Array("+\(text)\r\n".utf8)
            case .error(let text): Array("-\(text)\r\n".utf8)
            case .array(let elements): Array("*\(elements.count)\r\n".utf8) + elements.flatMap(\.wire)
            }
        }

        init(_ value: RedisValue) {
            if value.isNull {
                self = .null
            } else if let error = value.error {
                self = .error(error.message)
            } else if value.isArray {
                self = .array(value.array.map(Model.init))
            } else if let bytes = value.bytes {
                self = value.isStatus ? .status(value.string ?? "") : .string(bytes)
            } else {
                self = .integer(value.integer ?? 0)
            }
        }

        init(_ result: Result<RedisReply, RedisError>) {
            switch result {
            case .success(let reply): self.init(reply.root)
            case .failure(let error): self = .error(error.message)
            }
        }

        static func random(depth: Int, using generator: inout SplitMix) -> Model {
            switch Int.random(in: 0..<(depth > 0 ? 9 : 6), using: &generator) {
            case 0: return .null
            case 1: return .integer([0, -1, .max, .min, 42].randomElement(using: &generator)!)
            case 2: return .status(["OK", "QUEUED", "ação", ""].randomElement(using: &generator)!)
            case 3: return .error(["ERR x", "WRONGTYPE y", "ação"].randomElement(using: &generator)!)
            case 4, 5:
                let length = [0, 1, 15, 16, 300, 5_000, 40_000].randomElement(using: &generator)!
                let alphabet: [UInt8] = [0, 13, 10, 0x24, 0x2A, 0xFF, 0x61]
                return .string((0..<length).map { _ in alphabet.randomElement(using: &generator)! })
            default:
                let count = Int.random(in: 0..<6, using: &generator)
                return .array((0..<count).map { _ in .random(depth: depth - 1, using: &generator) })
            }
        }
    }

    struct SplitMix: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            self.state &+= 0x9E37_79B9_7F4A_7C15
            var z = self.state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }

    private static func read(_ portions: some Sequence<ArraySlice<UInt8>>) throws -> [Model] {
        let reader = RedisReplyReader()
        var models: [Model] = []
        for portion in portions {
            try portion.withUnsafeBytes { try reader.read($0) { models.append(Model($0)) } }
        }
        return models
    }

    private static let samples: [Model] = [
        .status("OK"), .integer(-7), .null, .error("ERR no"), .string([]), .string([0, 13, 10, 0, 0xFF]), .array([]),
        .array([.array([]), .null, .array([.array([.integer(1)]), .error("NOAUTH nested")]), .status("OK"), .string([1])]),
        .string(Array(repeating: 13, count: 100_000)), .array([.array([.array([.array([.array([.array([.integer(6)])])])])])]),
    ]

    @Test func wholeAndByteByByte() throws {
        let wire = Self.samples.flatMap(\.wire)
        #expect(try Self.read([wire[...]]) == Self.samples)
        #expect(try Self.read(wire.indices.lazy.map { wire[$0...$0] }) == Self.samples)
        #expect(try Self.read([Array("*-1\r\n".utf8)[...]]) == [.null])
    }

    @Test(arguments: 0..<60) func randomRepliesInRandomPortions(seed: UInt64) throws {
        var generator = SplitMix(state: seed)
        let models = (0..<20).map { _ in Model.random(depth: 5, using: &generator) }
        var rest = models.flatMap(\.wire)[...]
        var portions: [ArraySlice<UInt8>] = []
        while !rest.isEmpty {
            portions.append(rest.prefix(Int.random(in: 1...(seed % 2 == 0 ? 50 : 50_000), using: &generator)))
            rest = rest.dropFirst(portions[portions.count - 1].count)
        }
        #expect(try Self.read(portions) == models)
    }

    @Test func repliesOutliveTheReader() throws {
        var replies: [RedisReply] = []
        do {
            let reader = RedisReplyReader()
            for _ in 0..<3 {
                try Self.samples[7].wire.withUnsafeBytes {
                    try reader.read($0) { if let reply = try? $0.get() { replies.append(reply) } }
                }
            }
        }
        #expect(replies.map { Model($0.root) } == Array(repeating: Self.samples[7], count: 3))
    }

    @Test(arguments: ["HTTP/1.1 400 Bad Request\r\n", "\u{0}", "*x\r\n", "$99999999999999999999\r\n", "?", ":12a\r\n"])
    func garbage(text: String) {
        let reader = RedisReplyReader()
        for _ in 0..<2 {
            let error = #expect(throws: RedisError.self) {
                try Array(text.utf8).withUnsafeBytes { try reader.read($0) { _ in } }
            }
            #expect(error?.code == .protocolViolation)
        }
    }

    @Test func tooDeepIsGarbage() {
        let wire = Array((String(repeating: "*1\r\n", count: 12) + ":1\r\n").utf8)
        #expect(throws: RedisError.self) { try Self.read([wire[...]]) }
    }

    @Test func integersOfStrings() throws {
        func integer(_ text: String) throws -> Int? {
            var value: Int?
            try Model.string(Array(text.utf8)).wire.withUnsafeBytes { bytes in
                try RedisReplyReader().read(bytes) { value = try? $0.get().root.integer }
            }
            return value
        }
        #expect(try integer("0") == 0 && integer("-12") == -12 && integer("007") == 7)
        #expect(try integer(String(Int.max)) == .max && integer(String(Int.min)) == .min)
        for text in ["", "-", "+1", "1 ", "1.0", "9223372036854775808", "-9223372036854775809", "é"] {
            #expect(try integer(text) == nil, "\(text)")
        }
    }

    @Test func valuesAreWhatTheyAre() throws {
        var reply: RedisReply?
        let model = Model.array([.string(Array("kind".utf8)), .string([0xFF]), .integer(3), .array([.null])])
        try model.wire.withUnsafeBytes { try RedisReplyReader().read($0) { reply = try? $0.get() } }
        let values = Array(try #require(reply).root.array)
        #expect(values.count == 4 && reply?.root.array[2]?.integer == 3 && reply?.root.array[4] == nil)
        #expect(values[0].equals("kind") && !values[0].equals("kin") && !values[0].equals("kinds") && !values[2].equals("3"))
        #expect(values[1].string == "\u{FFFD}" && values[1].bytes == [0xFF])
        #expect(values[2].string == nil && values[2].bytes == nil && values[2].array.count == 0)
        #expect(values[3].integer == nil && values[3].array.count == 1 && !values[3].isNull)
        #expect(values[0].withBytes { $0.count } == 4 && values[3].withBytes { $0.count } == nil)
    }
}
