import CardumeCore
import CardumeRuntime
import Foundation

/// Something that is given bytes by strangers, or by servers that may be wrong, and must neither crash nor contradict itself.
///
/// A violated ``expect(_:_:)`` is a finding, and so is a trap.
package struct FuzzTarget: Sendable {
    /// How it is asked for; also its corpus' folder.
    package let name: String
    package let run: @Sendable (_ input: [UInt8]) -> Void

    package static let all = [
        FuzzTarget(name: "evolution") { Self.webhook($0, EvolutionNormaliser.normalise) },
        FuzzTarget(name: "meta") { Self.webhook($0, MetaNormaliser.normalise) },
        FuzzTarget(name: "redis-replies") { RedisFuzz.replies($0) },
        FuzzTarget(name: "redis-topology") { RedisFuzz.topology($0) },
        FuzzTarget(name: "configuration") { Self.configuration($0) },
        FuzzTarget(name: "otlp-answer") { Self.collectorAnswer($0) },
        FuzzTarget(name: "trace-headers") { Self.traceHeaders($0) },
        FuzzTarget(name: "load-trace") { Self.loadTrace($0) },
        FuzzTarget(name: "api-message") { APIFuzz.message($0) },
        FuzzTarget(name: "admin-bodies") { APIFuzz.bodies($0) },
        FuzzTarget(name: "admin-queries") { APIFuzz.queries($0) },
        FuzzTarget(name: "stored-json") { StoredFuzz.json($0) },
        FuzzTarget(name: "stored-rows") { StoredFuzz.rows($0) },
        FuzzTarget(name: "model-answer") { AnswerFuzz.model($0) },
        FuzzTarget(name: "gateway-answer") { AnswerFuzz.gateway($0) },
    ]

    static let arrival = Arrival(
        receivedAt: Timestamp(milliseconds: 1_795_200_000_000), traceID: "0af7651916cd43dd8448eb211c80319c")

    /// What is read is the same each time, fit to be stored, and comes back from the log as it went in.
    private static func webhook(
        _ input: [UInt8], _ normalise: ([UInt8], Arrival) throws(WireRejection) -> NormalisedWebhook
    ) {
        guard let first = try? normalise(input, Self.arrival) else { return }
        expect((try? normalise(input, Self.arrival)) == first, "read differently the second time")
        for message in first.messages {
            expect(!message.id.rawValue.isEmpty && !message.conversation.rawValue.isEmpty, "a message without a name")
            expect(!message.replyAddress.isEmpty, "a message that cannot be answered")
            RedisFuzz.comesBack(message)
        }
    }

    /// What is wrong is said in words.
    private static func configuration(_ input: [UInt8]) {
        do {
            _ = try CardumeConfiguration(yaml: String(decoding: input, as: UTF8.self), file: "fuzz.yaml", environment: [:])
        } catch {
            expect(!"\(error)".isEmpty, "an error without words")
        }
    }

    private static func collectorAnswer(_ input: [UInt8]) {
        expect(OTLPTraces.rejected(Data(input)) == OTLPTraces.rejected(Data(input)), "counted differently")
    }

    /// What is understood is handed on, and understood again.
    private static func traceHeaders(_ input: [UInt8]) {
        let lines = String(decoding: input, as: UTF8.self).split(separator: "\n", maxSplits: 1).map(String.init)
        guard let parent = lines.first, let trace = TraceContext(traceparent: parent, tracestate: lines.dropFirst().first)
        else { return }
        let again = TraceContext(traceparent: trace.traceparent, tracestate: trace.span?.state)
        expect(again?.traceID == trace.traceID && again?.span?.state == trace.span?.state, "handed on as another")
    }

    private static func loadTrace(_ input: [UInt8]) {
        guard let trace = try? LoadTrace(csv: String(decoding: input, as: UTF8.self)) else { return }
        expect(trace.end.isFinite && trace.end >= 0, "a load without an end")
    }
}
