import Foundation
import Testing

@testable import CardumeCore

/// What stands in a database may have been written by anybody: it is refused or made harmless, and ends no process.
@Suite struct StoredValueTests {
    @Test func timesAreSoNearToEachOtherThatNoDifferenceOverflows() throws {
        let (first, last) = (Timestamp(milliseconds: .min), Timestamp(milliseconds: .max))
        #expect(last.elapsed(since: first) == .milliseconds(last.milliseconds - first.milliseconds))
        #expect(first.elapsed(since: last) < .zero)
        #expect(last.advanced(by: .seconds(1)) == last && first.advanced(by: .seconds(-1)) == first)
        let read = try JSONDecoder().decode([Timestamp].self, from: Data("[-9223372036854775808, 9223372036854775807]".utf8))
        #expect(read == [first, last])
        #expect(Timestamp(milliseconds: 1_795_200_000_000).milliseconds == 1_795_200_000_000)
    }

    @Test func effortsThatNoTurnMadeAreLeftOut() {
        let text = "\(Int.max),3,\(Int.max),-1,\(Int.min),2"
        #expect(LaneHistory.efforts(text) == [3, 2])
        #expect(LaneHistory(LaneHistory.efforts(text), rule: LaneRule()).efforts == [3, 2])
        #expect(LaneHistory.efforts(LaneHistory.text([0, 7, 1])) == [0, 7, 1])
    }

    @Test(arguments: ["transfers", "none"]) func aTransferIsCountedWhateverWasCountedBefore(_ member: String) throws {
        let details = try JSONDecoder().decode(
            InboundMessage.Details.self, from: Data(#"{"\#(member)": \#(Int.max)}"#.utf8))
        var message = InboundMessage(
            id: "1", conversation: "loja:5534", text: "oi", receivedAt: Timestamp(milliseconds: 0), replyAddress: "5534",
            traceID: "")
        message.details = details
        let drain = LogDrain(to: "suporte", hold: LogOffset(major: 1, minor: 1))
        #expect(message.transferred(from: "financeiro", along: drain).details.transfers ?? 0 > 0)
    }

    @Test func countsThatNoProcessMadeAreRefused() throws {
        func load(_ json: String) throws -> TurnLoad { try JSONDecoder().decode(TurnLoad.self, from: Data(json.utf8)) }
        #expect(throws: DecodingError.self) { try load(#"{"running": \#(Int.max), "waiting": 1}"#) }
        #expect(throws: DecodingError.self) { try load(#"{"running": 1, "waiting": -1}"#) }
        var report = QueueReport(running: 1, known: 3)
        report.wait(messages: 2, since: nil)
        func isKept(_ change: (inout QueueReport) -> Void) throws -> Bool {
            var changed = report
            change(&changed)
            let written = TurnLoad(running: 1, waiting: 1, queues: ["suporte": changed])
            return try JSONDecoder().decode(TurnLoad.self, from: JSONEncoder().encode(written)).queues["suporte"] != nil
        }
        #expect(try isKept { _ in })
        #expect(try !isKept { $0.running = .max })
        #expect(try !isKept { $0.known = -1 })
        #expect(try !isKept { $0.waiting.messages = .max })
        #expect(try !isKept { $0.turn = TurnMean(seconds: 1e308, weight: 1e308) })
    }
}
