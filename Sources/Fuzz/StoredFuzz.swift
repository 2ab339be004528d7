import CPostgres
import CardumeCore
import CardumeRuntime
import Foundation

/// What stands in the databases: written by this program, by another version, or by somebody with a client.
enum StoredFuzz {
    private static let now = FuzzTarget.arrival.receivedAt

    /// Columns and fields that hold JSON, and texts that are taken apart.
    static func json(_ input: [UInt8]) {
        let data = Data(input)
        if let message = try? JSONDecoder().decode(InboundMessage.self, from: data) { Self.live(message) }
        if let details = try? JSONDecoder().decode(InboundMessage.Details.self, from: data) {
            var message = InboundMessage(
                id: "1", conversation: "canal:5534", text: nil, receivedAt: Self.now, replyAddress: "5534", traceID: "")
            message.details = details
            Self.live(message)
        }
        if let timer = try? JSONDecoder().decode(ConversationTimer.self, from: data) { Self.live(timer.message(at: Self.now)) }
        if let filter = try? JSONDecoder().decode(DeadLetterFilter.self, from: data) {
            let again = try? JSONDecoder().decode(DeadLetterFilter.self, from: JSONEncoder().encode(filter))
            expect(again == filter, "a filter that means something else the next time")
        }
        let text = String(decoding: input, as: UTF8.self)
        Self.scale(by: PostgresTurnLoad.load(text))
        Self.heavy(text)
        expect(!ErrorFingerprint(category: "other", error: text).text.isEmpty, "an error without a fingerprint")
        _ = FoldedText(text).words
    }

    /// A text, an array of texts and a number, whatever bytes are said to be one; and lines that went in as an array.
    static func rows(_ input: [UInt8]) {
        let lines = String(decoding: input, as: UTF8.self).split(separator: "\n").map(String.init)
        var array: [UInt8] = []
        PostgresParameter.texts(lines.map { $0.replacing("\0", with: "") }).encode(into: &array)
        let cells = [
            input, array, Array(input.prefix(8)), Array(input.prefix(4)), Array(input.prefix(2)), Array(input.prefix(1)),
        ]
        guard let result = Self.result(cells) else { return expect(false, "no memory for a row") }
        let row = result[0]
        expect(row.bytes(0) == input, "other bytes")
        expect(row.texts(0)?.count ?? 0 <= input.count / 4, "more texts than there is room for")
        expect(row.texts(1) == lines.map { $0.replacing("\0", with: "") }, "came back as other texts")
        _ = row.text(0)
        if input.count >= 8 { _ = (row.int(2), row.double(2), row.time(2).map { Self.now.elapsed(since: $0) }) }
        if input.count >= 4 { _ = row.int(3) }
        if input.count >= 2 { _ = row.int(4) }
        if input.count >= 1 { _ = row.bool(5) }
    }

    /// What happens to a stored message before its turn.
    private static func live(_ message: InboundMessage) {
        _ = message.contextText
        _ = Self.now.elapsed(since: message.receivedAt)
        if let firing = message.timer { _ = (firing.dueAt.elapsed(since: firing.since), Self.now.elapsed(since: firing.dueAt)) }
        let drain = LogDrain(to: "suporte", hold: LogOffset(major: 1, minor: 1))
        let moved = message.transferred(from: "financeiro", along: drain)
        expect(moved.details.transfers ?? 0 > 0, "transferred and not counted")
        RedisFuzz.comesBack(message)
        RedisFuzz.comesBack(message.replayed(MessageReplay(number: 1), at: Self.now))
    }

    /// What members said of their load is added up.
    private static func scale(by load: [AssistantID: TurnLoad]) {
        expect(PostgresTurnLoad.load(PostgresTurnLoad.text(load)) == load, "a load that comes back as another")
        guard !load.isEmpty else { return }
        expect(load.values.reduce(0) { $0 + $1.inFlight } >= 0, "fewer turns than none")
        let queues = Set(load.values.flatMap(\.queues.keys))
        let members = ["um", "dois"].map { Member(id: Member.ID($0), queues: queues, load: load) }
        let signal = ScalingSignal(
            ScalingPool(name: "todos", queues: queues, slotsPerPod: 8),
            ScalingState(depths: [:], members: members, at: Self.now))
        expect(signal.demandSlots.isFinite && signal.suggestedPods >= 0, "a demand that is no number")
    }

    private static func heavy(_ text: String) {
        let history = LaneHistory(LaneHistory.efforts(text), rule: LaneRule())
        expect(history.efforts.count <= LaneHistory.capacity, "remembers too much")
    }

    /// A result of one row, as libpq holds it.
    private static func result(_ cells: [[UInt8]]) -> PostgresResult? {
        guard let result = PQmakeEmptyPGresult(nil, PGRES_TUPLES_OK) else { return nil }
        var name = Array("c".utf8CString)
        let isDescribed = name.withUnsafeMutableBufferPointer { name in
            var attributes = cells.map { _ in
                PGresAttDesc(name: name.baseAddress, tableid: 0, columnid: 0, format: 1, typid: 17, typlen: -1, atttypmod: -1)
            }
            return PQsetResultAttrs(result, CInt(cells.count), &attributes)
        }
        guard isDescribed != 0 else { return nil }
        for (column, cell) in cells.enumerated() {
            var bytes = cell.map { CChar(bitPattern: $0) }
            guard PQsetvalue(result, 0, CInt(column), &bytes, CInt(cell.count)) != 0 else { return nil }
        }
        return PostgresResult(result)
    }
}
