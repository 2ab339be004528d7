import CardumeCore
import Foundation

/// Records of a group as the columns of one statement, and what the statement's answer means for each.
///
/// One statement, because the server begins it only when all of it has arrived: no lock is ever held while it waits for a
/// process that was stopped in the middle of sending. The lease rows are locked first, in key order and `FOR SHARE`: a
/// takeover waits for commits in flight, and after it, stale ones find nothing.
struct PostgresJournalGroup {
    struct Item: Sendable {
        let record: JournalRecord
        let fence: Fence
        /// Names this attempt to add a crash mark; the same when it is repeated because its outcome was lost.
        let attempt: Int64

        var conversation: Conversation.ID {
            switch self.record {
            case .turn(let turn): turn.conversation
            case .send(let intent): intent.id.conversation
            case .deadLetter(let letter): letter.message.conversation
            case .crashMark(let conversation, _): conversation
            }
        }
    }

    private let items: [Item]
    private var fenceNumbers: [Fence: Int64] = [:]
    private var fences = PostgresColumns(.text, .int8, .int8)
    private var turns = PostgresColumns(
        .int8, .text, .text, .text, .int8, .timestamptz, .timestamptz, .text, .int8, .int8, .text)
    private var lines = PostgresColumns(.text, .text, .timestamptz, .text, .text, .text, .int8, .bytea)
    private var intents = PostgresColumns(PostgresJournalSQL.sendTypes)
    private var sends = PostgresColumns(PostgresJournalSQL.sendTypes)
    private var letters = PostgresColumns(.int8, .text, .text, .text, .text, .text, .int8, .timestamptz, .bytea, .bool)
    private var marks = PostgresColumns(.int8, .text, .text, .int8)
    private var cleared = PostgresColumns(.int8, .text, .text)
    private var timers = PostgresColumns(.text, .text, .text, .text, .timestamptz)
    private var efforts = PostgresColumns(.text, .text, .text)
    private var merged = PostgresColumns(.text, .text, .text)
    private var usage = PostgresColumns(.text, .text, .text, .text, .int8, .int8, .int8)

    /// - Precondition: at most one item of a conversation, so that no row is written twice by one statement.
    init(_ items: [Item]) {
        self.items = items
        for item in items {
            let fence = self.number(of: item.fence)
            switch item.record {
            case .turn(let turn): self.add(turn, fence)
            case .send(let intent): self.sends.add(Self.row(intent, fence))
            case .deadLetter(let letter): self.add(letter, fence)
            case .crashMark(let conversation, let message):
                self.marks.add([fence, .text(conversation.rawValue), .text(message.rawValue), .int(item.attempt)])
            }
        }
    }

    var statement: PostgresStatement {
        let parts: [(PostgresJournalSQL.Parts, [PostgresColumns])] = [
            (.turns, [self.turns, self.lines]), (.intents, [self.intents]), (.sends, [self.sends]),
            (.letters, [self.letters]), (.marks, [self.marks]), (.cleared, [self.cleared]), (.timers, [self.timers]),
            (.efforts, [self.efforts]),
            (.merged, [self.merged]),
            (.usage, [self.usage]),
        ]
        let present = parts.filter { !$0.1[0].isEmpty }
        return PostgresStatement(
            PostgresJournalSQL.commit(present.reduce(into: []) { $0.insert($1.0) }),
            self.fences.parameters + present.flatMap { $0.1.flatMap(\.parameters) })
    }

    /// - Parameter rows: `(fence, conversation)`: a valid fence's number and NULL, or NULL and an inserted turn's conversation.
    func outcomes(_ rows: PostgresResult) -> [Result<CommitOutcome, StoreError>] {
        var valid: Set<Int64> = []
        var inserted: Set<Conversation.ID> = []
        for row in rows {
            if let fence = row.int(0) { valid.insert(fence) }
            if let conversation = row.text(1) { inserted.insert(Conversation.ID(conversation)) }
        }
        return self.items.map { item in
            guard let number = self.fenceNumbers[item.fence], valid.contains(number) else {
                return .failure(StoreError(.fenced, "\(item.fence.partition) has a later owner"))
            }
            guard case .turn(let turn) = item.record else { return .success(.committed) }
            return .success(inserted.contains(turn.conversation) ? .committed : .duplicate)
        }
    }

    // MARK: Rows

    private mutating func number(of fence: Fence) -> PostgresParameter {
        if let number = self.fenceNumbers[fence] { return .int(number) }
        let number = Int64(self.fenceNumbers.count + 1)
        self.fenceNumbers[fence] = number
        let partition = fence.partition
        self.fences.add([.text(partition.queue.rawValue), .int(Int64(partition.number)), .int(fence.epoch.rawValue)])
        return .int(number)
    }

    private mutating func add(_ turn: TurnCommit, _ fence: PostgresParameter) {
        let (conversation, id) = (
            PostgresParameter.text(turn.conversation.rawValue), PostgresParameter.text(turn.turn.rawValue)
        )
        self.turns.add([
            fence, conversation, id, .text(turn.assistant.rawValue), .int(Int64(turn.attempt)), .time(turn.startedAt),
            .time(turn.finishedAt), .optional(turn.usage?.model), .optional(turn.usage.map { Int64($0.prompt) }),
            .optional(turn.usage.map { Int64($0.completion) }), .optional(turn.transfer?.rawValue),
        ])
        for message in turn.messages.dropFirst() { self.merged.add([conversation, id, .text(message.id.rawValue)]) }
        for message in turn.messages {
            self.cleared.add([fence, .text(message.conversation.rawValue), .text(message.id.rawValue)])
            guard message.kind != .system else { continue }
            self.lines.add([
                conversation, id, .time(message.receivedAt), .text(ContextMessage.Role.contact.rawValue),
                .text(message.id.rawValue), .text(message.kind.rawValue), .optional(message.sentAt), .text(message.contextText),
            ])
        }
        if let efforts = turn.efforts { self.efforts.add([conversation, id, .text(LaneHistory.text(efforts))]) }
        if let usage = turn.usage {
            self.usage.add([
                conversation, id, .text((usage.day ?? CivilDay(of: turn.finishedAt)).description), .text(usage.model),
                .int(Int64(usage.prompt)), .int(Int64(usage.completion)), .int(usage.costMicros),
            ])
        }
        if let timer = turn.timer {
            self.timers.add([
                conversation, id, .text(timer.rule), .text(turn.timerOutcome.rawValue), .time(timer.dueAt),
            ])
        }
        for intent in turn.intents {
            self.intents.add(Self.row(intent, fence))
            guard intent.state != .dropped else { continue }
            self.lines.add([
                conversation, id, .time(turn.finishedAt), .text(ContextMessage.Role.assistant.rawValue), .null, .null, .null,
                .text(intent.text),
            ])
        }
    }

    private static func row(_ intent: SendIntent, _ fence: PostgresParameter) -> [PostgresParameter] {
        [
            fence, .text(intent.id.conversation.rawValue), .text(intent.id.turn.rawValue), .int(Int64(intent.id.part)),
            .text(intent.replyAddress), .text(intent.text), .text(intent.traceID), .text(intent.state.rawValue),
            .int(Int64(intent.attempts)), .optional(intent.attemptedAt), .int(Int64(intent.ambiguousAttempts)),
            .int(Int64(intent.resends)), .optional(intent.providerID), .optional(intent.lastError),
            .optional(intent.server),
        ]
    }

    private mutating func add(_ letter: DeadLetter, _ fence: PostgresParameter) {
        let message = letter.message
        guard let json = try? JSONEncoder().encode(message) else { preconditionFailure("\(message.id): cannot be encoded") }
        self.letters.add([
            fence, .text(message.conversation.rawValue), .text(message.id.rawValue), .text(letter.assistant.rawValue),
            .text(letter.failure.category.rawValue), .text(letter.failure.message), .int(Int64(letter.attempts)),
            .time(letter.at), .bytes(Array(json)), .bool(letter.holdsConversation),
        ])
        self.cleared.add([fence, .text(message.conversation.rawValue), .text(message.id.rawValue)])
    }
}

/// Columns of equally many rows.
struct PostgresColumns {
    private var arrays: [PostgresArray]

    init(_ types: PostgresType...) { self.init(types) }

    init(_ types: [PostgresType]) { self.arrays = types.map { PostgresArray(of: $0) } }

    var isEmpty: Bool { self.arrays[0].count == 0 }
    var parameters: [PostgresParameter] { self.arrays.map { .array($0) } }

    mutating func add(_ row: [PostgresParameter]) {
        precondition(row.count == self.arrays.count, "a row of \(row.count) for \(self.arrays.count) columns")
        for index in row.indices { self.arrays[index].append(row[index]) }
    }
}
