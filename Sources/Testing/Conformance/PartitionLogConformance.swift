public import CardumeCore

/// What every ``PartitionLog`` promises. Run against an empty log with the default windows (24 h).
public struct PartitionLogConformance {
    private let log: any PartitionLog
    private let fence: @Sendable (Partition.ID) async throws -> Fence

    /// - Parameter fence: the present owner's, of any partition.
    public init(_ log: any PartitionLog, fence: @escaping @Sendable (Partition.ID) async throws -> Fence) {
        self.log = log
        self.fence = fence
    }

    /// - Throws: a ``ConformanceFailure`` at the first broken promise.
    public func run() async throws {
        try await self.keepsMessagesWhole()
        try await self.readsInOrder()
        try await self.dropsDuplicates()
        try await self.settles()
        try await self.peeks()
        try await self.countsByAssistant()
        try await self.fences()
        try await self.keepsTheHolder()
        try await self.knowsWhereConversationsAre()
        try await self.letsAMenuChoose()
        try await self.waitsForEntries()
        try await self.carriesNotices()
        try await self.takesBackDeadLetters()
        try await self.transfersInOrder()
        try await self.transfersAfterATurn()
        try await self.transfersTwice()
        try await self.firesTimers()
        try await self.dropsVoidTimers()
        try await self.endsSessions()
    }

    private func keepsMessagesWhole() async throws {
        var message = Sample.message("whole", from: "1", text: "a\u{0}é ≠ é\r\n👩‍👩‍👧‍👦")
        message.kind = .image
        message.details = InboundMessage.Details(
            quotedMessageID: "Q", selectionID: "S",
            media: InboundMessage.Media(id: "m", url: "u", mimeType: "t", fileName: "f"),
            span: SpanReference(id: 0x00f0_67aa_0ba9_02b7, isSampled: true, state: "a=1,b@c=2 x"))
        let (partition, offset) = try Sample.partition(try await self.log.append([Sample.append(message)])[0])
        let entries = try await self.log.next(partition, after: .start, limit: 10)
        let entry = entries.first { $0.offset == offset }
        try expect(entry?.message == message, "a message comes back as it went in")
        var traced = Sample.message("traced", from: "1")
        traced.details.span = SpanReference(id: 1, isSampled: false)
        let place = try Sample.partition(try await self.log.append([Sample.append(traced)])[0])
        let found = try await self.log.next(partition, after: offset, limit: 1)
        try expect(found.map(\.message) == [traced], "so does one of which only the trace is told")
        try await self.settle([place.1], in: place.0)
        try expect(
            entry?.message.text.map { Array($0.utf8) } == message.text.map { Array($0.utf8) }, "text is kept byte for byte")
        try await self.settle([offset], in: partition)
    }

    private func readsInOrder() async throws {
        let outcomes = try await self.log.append((0..<25).map { Sample.append(Sample.message("order-\($0)", from: "2")) })
        let places = try outcomes.map(Sample.partition)
        let partition = places[0].0
        try expect(places.allSatisfy { $0.0 == partition }, "a conversation stays in one partition")
        try expect(places.map(\.1) == places.map(\.1).sorted(), "offsets grow")
        let first = try await self.log.next(partition, after: .start, limit: 10)
        try expect(first.map(\.offset) == places.prefix(10).map(\.1), "reading begins with the oldest")
        let rest = try await self.log.next(partition, after: first[9].offset, limit: 100)
        try expect(rest.map(\.offset) == places.dropFirst(10).map(\.1), "reading goes on after a cursor")
        let some = try await self.log.read(partition, at: [places[3].1, places[20].1])
        try expect(some.map(\.offset) == [places[3].1, places[20].1], "entries are read by offset")
        let latest = try await self.log.open(self.fence(partition)).latest
        try expect(latest >= places[24].1, "who opens a partition is told its latest entry")
        try await self.settle(places.map(\.1), in: partition)
    }

    private func countsByAssistant() async throws {
        let before = try await self.log.depths()[Sample.queue] ?? 0
        let messages = (0..<7).map { Sample.append(Sample.message("counted", from: "55349\($0)")) }
        let places = try (try await self.log.append(messages)).map(Sample.partition)
        let depths = try await self.log.depths()
        try expect(depths[Sample.queue] == before + 7, "depths count what is unsettled, over all partitions")
        for (partition, offset) in places { try await self.settle([offset], in: partition) }
        try expect(try await self.log.depths()[Sample.queue] ?? 0 == before, "and no longer what was settled")
    }

    private func dropsDuplicates() async throws {
        let message = Sample.message("twice", from: "3")
        let (partition, offset) = try Sample.partition(try await self.log.append([Sample.append(message)])[0])
        try expect(try await self.log.append([Sample.append(message)]) == [.duplicate], "a repeated message is dropped")
        try await self.settle([offset], in: partition)
        try expect(
            try await self.log.append([Sample.append(message)]) == [.duplicate], "also after it was settled")
        let other = try await self.log.append([Sample.append(Sample.message("twice", from: "4"))])
        let place = try Sample.partition(other[0])
        let late = Sample.message("twice", from: "3", at: 1_795_176_000_000 + 24 * 3_600_000 + 1)
        let again = try Sample.partition(try await self.log.append([Sample.append(late)])[0])
        try expect(again.1 > offset, "after the window, the message is new")
        try await self.settle([place.1], in: place.0)
        try await self.settle([again.1], in: again.0)
    }

    private func settles() async throws {
        let outcomes = try await self.log.append((0..<3).map { Sample.append(Sample.message("settle-\($0)", from: "5")) })
        let places = try outcomes.map(Sample.partition)
        let partition = places[0].0
        try expect(try await self.log.depth(of: partition) == 3, "the depth counts what is unsettled")
        try await self.settle([places[1].1], in: partition)
        try await self.settle([places[1].1], in: partition)
        let left = try await self.log.next(partition, after: .start, limit: 10)
        try expect(left.map(\.offset) == [places[0].1, places[2].1], "only the settled entry is gone")
        try await self.settle([places[0].1, places[2].1], in: partition)
        try expect(try await self.log.depth(of: partition) == 0, "nothing is left")
    }

    private func peeks() async throws {
        let times: [Int64] = [1_795_176_000_000, 1_795_176_001_000]
        let messages = times.map { Sample.append(Sample.message("peek-\($0)", from: "5534999990099", at: $0)) }
        let places = try (try await self.log.append(messages)).map(Sample.partition)
        let partition = places[0].0
        let empty = Partition.ID(assistant: "nobody", number: 0)
        var heads = try await self.log.peek([partition: .start, empty: .start])
        try expect(heads == [partition: Timestamp(milliseconds: times[0])], "the first message after the start is the oldest")
        heads = try await self.log.peek([partition: places[0].1])
        try expect(heads == [partition: Timestamp(milliseconds: times[1])], "what the cursor has passed does not count")
        try expect(try await self.log.peek([partition: places[1].1]).isEmpty, "at the end there is nothing")
        try expect(try await self.log.peek([:]).isEmpty, "who asks nothing is told nothing")
        try await self.settle(places.map(\.1), in: partition)
        try expect(try await self.log.peek([partition: .start]).isEmpty, "nor when all is settled")
    }

    private func fences() async throws {
        let (partition, offset) = try Sample.partition(
            try await self.log.append([Sample.append(Sample.message("fence", from: "6"))])[0])
        _ = try await self.log.open(self.fence(partition))
        do {
            try await self.log.settle([offset], self.fence(partition).earlier)
            throw ConformanceFailure(description: "broken promise: a stale owner settles nothing")
        } catch let error as StoreError {
            try expect(error.code == .fenced, "a stale owner is told that it is fenced")
        }
        try expect(try await self.log.depth(of: partition) == 1, "a stale owner's call changed nothing")
        try await self.settle([offset], in: partition)
    }

    private func keepsTheHolder() async throws {
        let first = try Sample.partition(
            try await self.log.append([Sample.append(Sample.message("holder-1", from: "7"), to: "financeiro")])[0])
        let second = try Sample.partition(
            try await self.log.append([Sample.append(Sample.message("holder-2", from: "7"), to: "comercial")])[0])
        try expect(second.0 == first.0, "a conversation stays with the assistant that holds it")
        let later = Sample.message("holder-3", from: "7", at: 1_795_176_000_000 + 25 * 3_600_000)
        let third = try Sample.partition(try await self.log.append([Sample.append(later, to: "comercial")])[0])
        try expect(third.0 == first.0, "also after the session, while something is unsettled")
        try await self.settle([first.1, second.1, third.1], in: first.0)
        let latest = Sample.message("holder-4", from: "7", at: 1_795_176_000_000 + 51 * 3_600_000)
        let fourth = try Sample.partition(try await self.log.append([Sample.append(latest, to: "comercial")])[0])
        try expect(fourth.0.queue == "comercial", "after the session, the route decides again")
        try await self.settle([fourth.1], in: fourth.0)
    }

    private func knowsWhereConversationsAre() async throws {
        let message = Sample.message("where-1", from: "70")
        let conversation = message.conversation
        try expect(try await self.log.whereabouts(of: conversation) == nil, "nothing is known of who never wrote")
        let (partition, offset) = try Sample.partition(
            try await self.log.append([Sample.append(message, to: "financeiro")])[0])
        try expect(
            try await self.log.whereabouts(of: conversation)
                == ConversationWhereabouts(queue: "financeiro", hasUnsettled: true), "a conversation is where its message went")
        try await self.settle([offset], in: partition)
        try expect(
            try await self.log.whereabouts(of: conversation)
                == ConversationWhereabouts(queue: "financeiro", hasUnsettled: false), "and stays there when it is settled")
        _ = try await self.log.transfer(LogTransfer(of: conversation, to: "comercial", at: message.receivedAt))
        try expect(
            try await self.log.whereabouts(of: conversation)
                == ConversationWhereabouts(queue: "comercial", hasUnsettled: true), "or goes where it is given")
        for assistant: AssistantID in ["financeiro", "comercial"] {
            let left = try await self.entries(of: conversation, assistant)
            try await self.settle(left.entries.map(\.offset), in: left.partition)
        }
    }

    private func letsAMenuChoose() async throws {
        let menu = Route(assistant: "suporte", isChosen: false)
        let shown = try Sample.partition(
            try await self.log.append([LogAppend(message: Sample.message("menu-1", from: "8"), route: menu)])[0])
        let early = try Sample.partition(
            try await self.log.append([Sample.append(Sample.message("menu-2", from: "8"), to: "comercial")])[0])
        try expect(early.0 == shown.0, "nobody takes over while something is unsettled")
        let entries = try await self.log.next(shown.0, after: .start, limit: 10)
        try expect(
            entries.allSatisfy { $0.message.details.showsMenu == true },
            "such messages are shown the menu: \(entries.map { ($0.message.id, $0.message.details) })")
        try await self.settle([shown.1, early.1], in: shown.0)
        let chosen = try Sample.partition(
            try await self.log.append([Sample.append(Sample.message("menu-3", from: "8"), to: "comercial")])[0])
        try expect(chosen.0.queue == "comercial", "then the choice holds")
        let entry = try await self.log.next(chosen.0, after: .start, limit: 10).first
        try expect(entry?.message.details.showsMenu == nil, "and no menu is shown")
        try await self.settle([chosen.1], in: chosen.0)
    }

    private func waitsForEntries() async throws {
        let message = Sample.message("wait", from: "9")
        let number = message.conversation.partitionNumber(of: self.log.partitionCount)
        let partition = Partition.ID(assistant: Sample.assistant, number: number)
        let log = self.log
        async let waiting = log.next(partition, after: .start, limit: 10)
        let offset = try Sample.partition(try await self.log.append([Sample.append(message)])[0]).1
        try expect(try await waiting.map(\.message) == [message], "who waits for entries gets them")
        try await self.settle([offset], in: partition)
        try await withThrowingTaskGroup(of: [LogEntry].self) { group in
            group.addTask { try await log.next(partition, after: .start, limit: 10) }
            group.cancelAll()
            try expect(try await group.next() == [], "who is cancelled gets nothing")
        }
    }

    private func carriesNotices() async throws {
        let conversation = Sample.message("notice", from: "10").conversation
        try await self.log.announceLift(of: conversation, to: [Sample.queue])
        let number = conversation.partitionNumber(of: self.log.partitionCount)
        let partition = Partition.ID(assistant: Sample.assistant, number: number)
        let entries = try await self.log.next(partition, after: .start, limit: 10)
        try expect(entries.map(\.message.details.notice) == [.lift], "a lifted hold is announced")
        try expect(entries.map(\.message.conversation) == [conversation], "and names its conversation")
        try await self.settle(entries.map(\.offset), in: partition)
        try await self.log.announce(.park, of: conversation, to: [Sample.queue])
        let parked = try await self.log.next(partition, after: .start, limit: 10)
        try expect(parked.map(\.message.details.notice) == [.park], "and so is a new one")
        try await self.settle(parked.map(\.offset), in: partition)
    }

    /// Each return of a dead letter is in the log once, although the message was seen before.
    private func takesBackDeadLetters() async throws {
        let message = Sample.message("replayed", from: "11")
        let (partition, offset) = try Sample.partition(try await self.log.append([Sample.append(message)])[0])
        try await self.settle([offset], in: partition)
        var last = offset
        for number in 1...2 {
            let replayed = message.replayed(
                MessageReplay(number: number, isSingleAttempt: number == 2), at: message.receivedAt.advanced(by: .seconds(1)))
            let (_, offset) = try Sample.partition(try await self.log.append([Sample.append(replayed)])[0])
            try expect(
                try await self.log.append([Sample.append(replayed)]) == [.duplicate], "a repeated call appends nothing")
            let entries = try await self.log.next(partition, after: last, limit: 10)
            try expect(entries.map(\.message) == [replayed], "a dead letter comes back as it was put back")
            try await self.settle([offset], in: partition)
            last = offset
        }
        try expect(try await self.log.append([Sample.append(message)]) == [.duplicate], "the message itself was seen")
    }

    // MARK: Transfers

    /// What the log of an assistant has of a conversation: message ids and notices.
    private func entries(
        of conversation: Conversation.ID, _ assistant: AssistantID
    ) async throws -> (ids: [String], entries: [LogEntry], partition: Partition.ID) {
        let partition = Partition.ID(
            assistant: assistant, number: conversation.partitionNumber(of: self.log.partitionCount))
        guard try await self.log.depth(of: partition) > 0 else { return ([], [], partition) }
        let entries = try await self.log.next(partition, after: .start, limit: 100)
            .filter { $0.message.conversation == conversation }
        let ids = entries.map { entry in
            switch entry.message.details.notice {
            case .drain(let drain): "drain to \(drain.queue)"
            case .release: "release"
            case let notice?: notice.rawValue
            case nil: entry.message.id.rawValue + (entry.message.details.movedTo != nil ? " moved" : "")
            }
        }
        return (ids, entries, partition)
    }

    private static func place(_ outcome: TransferOutcome) -> LogOffset {
        if case .draining(_, let offset) = outcome { offset } else { .start }
    }

    private static func drain(_ outcome: TransferOutcome) throws -> LogDrain {
        guard case .draining(let drain, _) = outcome else {
            throw ConformanceFailure(description: "broken promise: a transfer of unsettled messages drains")
        }
        return drain
    }

    private func append(_ id: String, from contact: String) async throws -> LogEntry {
        let message = Sample.message(id, from: contact)
        let offset = try Sample.partition(try await self.log.append([Sample.append(message)])[0]).1
        return LogEntry(offset: offset, message: message)
    }

    private func transfersInOrder() async throws {
        let conversation = try await self.append("go-1", from: "15").message.conversation
        _ = try await self.append("go-2", from: "15")
        let now = Self.noon
        guard
            case .draining(let drain, let place) = try await self.log.transfer(
                LogTransfer(of: conversation, to: "financeiro", at: now))
        else {
            throw ConformanceFailure(description: "broken promise: a transfer of unsettled messages drains")
        }
        try expect(
            try await self.log.transfer(LogTransfer(of: conversation, to: "financeiro", at: now)) == .unchanged,
            "a repeated transfer changes nothing")
        let (_, newer) = (try await self.append("go-3", from: "15"), try await self.append("go-4", from: "15"))
        let old = try await self.entries(of: conversation, Sample.assistant)
        try expect(old.ids == ["go-1", "go-2", "drain to financeiro"], "the drain stands behind what was there")
        try expect(
            try await self.entries(of: conversation, "financeiro").ids == ["hold", "go-3", "go-4"],
            "new messages go to the new assistant, behind a hold")
        try expect(old.entries[2].offset == place, "who transfers is told where the drain stands")
        try expect(old.entries[2].message.details.notice == .drain(drain), "the drain knows the hold")
        try expect(
            try await self.log.open(self.fence(old.partition)).drains == [old.entries[2]], "a new owner is told of the drains")
        do {
            try await self.log.move([old.entries[0].offset], along: drain, self.fence(old.partition).earlier)
            throw ConformanceFailure(description: "broken promise: a stale owner moves nothing")
        } catch let error as StoreError {
            try expect(error.code == .fenced, "a stale owner is told that it is fenced")
        }
        for entry in old.entries + old.entries {
            try await self.log.move([entry.offset], along: drain, self.fence(old.partition))
        }
        try expect(try await self.entries(of: conversation, Sample.assistant).ids == [], "what was moved is gone")
        let new = try await self.entries(of: conversation, "financeiro")
        try expect(
            new.ids == ["hold", "go-3", "go-4", "go-1 moved", "go-2 moved", "release"],
            "it arrives once, in order, and the drain as a release")
        try expect(
            new.entries[3].message == Sample.message("go-1", from: "15").moved(along: drain), "moved messages stay whole")
        try expect(new.entries[0].offset == drain.hold, "and name the hold that they come for")
        try expect(new.entries[5].message.details.notice == .release(hold: drain.hold), "so does the release")
        try expect(newer.offset == new.entries[2].offset, "what was there is not touched")
        try await self.settle(new.entries.map(\.offset), in: new.partition)
    }

    private func transfersAfterATurn() async throws {
        let answered = try await self.append("turn-1", from: "16")
        let conversation = answered.message.conversation
        let partition = try await self.entries(of: conversation, Sample.assistant).partition
        _ = try await self.log.open(self.fence(partition))
        var turn = LogTransfer.Turn(entry: answered, fence: try await self.fence(partition).earlier, isAnswered: true)
        do {
            _ = try await self.log.transfer(LogTransfer(of: conversation, to: "comercial", after: turn, at: Self.noon))
            throw ConformanceFailure(description: "broken promise: a stale owner's turn transfers nothing")
        } catch let error as StoreError {
            try expect(error.code == .fenced, "a stale owner is told that it is fenced")
        }
        turn.fence = try await self.fence(partition)
        let given = try await self.log.transfer(LogTransfer(of: conversation, to: "comercial", after: turn, at: Self.noon))
        turn.fence = try await self.fence(partition)
        try expect(
            try await self.log.transfer(LogTransfer(of: conversation, to: "comercial", after: turn, at: Self.noon))
                == .overtaken(Self.drain(given), at: Self.place(given)),
            "a turn's repeated transfer changes nothing and tells of the drain")
        let old = try await self.entries(of: conversation, Sample.assistant)
        try expect(old.ids == ["drain to comercial"], "an answered message is settled by the transfer")
        try await self.log.move(old.entries.map(\.offset), along: Self.drain(given), self.fence(partition))
        let new = try await self.entries(of: conversation, "comercial")
        try expect(new.ids == ["hold", "release"], "nothing else goes over")
        try await self.settle(new.entries.map(\.offset), in: new.partition)
        let next = try await self.append("turn-2", from: "16")
        let asked = try await self.entries(of: conversation, "comercial")
        try expect(asked.ids == ["turn-2"], "the conversation stays there")
        _ = try await self.log.open(self.fence(asked.partition))
        let silent = LogTransfer.Turn(
            entry: next, fence: try await self.fence(asked.partition), isAnswered: false)
        let returned = try await self.log.transfer(
            LogTransfer(of: conversation, to: Sample.queue, after: silent, at: Self.noon))
        let back = try await self.entries(of: conversation, Sample.assistant)
        try expect(back.ids == ["hold", "turn-2 moved"], "an unanswered message goes over with the conversation")
        try expect(back.entries[1].message.details.transfers == 1, "and tells how often it did")
        let drain = try await self.entries(of: conversation, "comercial")
        try expect(back.entries[1].message.details.movedTo == back.entries[0].offset, "for the hold before it")
        try await self.log.move(
            drain.entries.map(\.offset), along: Self.drain(returned), self.fence(drain.partition))
        let all = try await self.entries(of: conversation, Sample.assistant)
        try await self.settle(all.entries.map(\.offset), in: all.partition)
    }

    /// A turn that wants to give away what somebody has given away meanwhile, and a conversation that nobody had.
    private func transfersTwice() async throws {
        let message = try await self.append("late-1", from: "17")
        let conversation = message.message.conversation
        let partition = try await self.entries(of: conversation, Sample.assistant).partition
        _ = try await self.log.open(self.fence(partition))
        let first = try await self.log.transfer(LogTransfer(of: conversation, to: "financeiro", at: Self.noon))
        let turn = LogTransfer.Turn(entry: message, fence: try await self.fence(partition), isAnswered: false)
        try expect(
            try await self.log.transfer(LogTransfer(of: conversation, to: "comercial", after: turn, at: Self.noon))
                == .overtaken(Self.drain(first), at: Self.place(first)), "who comes too late is told where it went")
        let old = try await self.entries(of: conversation, Sample.assistant)
        try expect(old.ids == ["late-1", "drain to financeiro"], "and still has what it did not answer")
        try await self.log.move(old.entries.map(\.offset), along: Self.drain(first), self.fence(partition))
        let new = try await self.entries(of: conversation, "financeiro")
        try expect(new.ids == ["hold", "late-1 moved", "release"], "several are moved at once")
        try await self.settle(new.entries.map(\.offset), in: new.partition)
        let stranger = Sample.message("new-1", from: "18")
        let transfer = LogTransfer(of: stranger.conversation, to: "financeiro", at: stranger.receivedAt)
        try expect(try await self.log.transfer(transfer) == .assigned, "a conversation that nobody had is assigned")
        let place = try Sample.partition(try await self.log.append([Sample.append(stranger)])[0])
        try expect(place.0.queue == "financeiro", "and begins there")
        try await self.settle([place.1], in: place.0)
    }

    // MARK: Timers

    private static let noon = Timestamp(milliseconds: 1_795_176_000_000)

    private func timer(
        _ message: InboundMessage, rule: String = "follow_up", after delay: Duration
    ) -> ConversationTimer {
        ConversationTimer(
            conversation: message.conversation, replyAddress: message.replyAddress, traceID: message.traceID,
            firing: ConversationTimer.Firing(
                rule: rule, since: Self.noon, dueAt: Self.noon.advanced(by: delay), contactWroteAt: message.receivedAt))
    }

    /// Appends a message and settles it.
    private func answered(_ id: String, from contact: String) async throws -> (InboundMessage, Partition.ID) {
        let message = Sample.message(id, from: contact)
        let (partition, offset) = try Sample.partition(try await self.log.append([Sample.append(message)])[0])
        try await self.settle([offset], in: partition)
        return (message, partition)
    }

    private func firesTimers() async throws {
        let (message, partition) = try await self.answered("timer-1", from: "11")
        try expect(try await self.log.fire(dueBy: Self.noon, self.fence(partition)) == nil, "without timers, none is due")
        let timer = self.timer(message, after: .seconds(20))
        try await self.log.set([self.timer(message, after: .seconds(10))], self.fence(partition))
        try await self.log.set([timer], self.fence(partition))
        try expect(
            try await self.log.open(self.fence(partition)).nextTimer == timer.firing.dueAt,
            "a later timer replaces the earlier one")
        let early = try await self.log.fire(dueBy: Self.noon.advanced(by: .seconds(19)), self.fence(partition))
        try expect(early == timer.firing.dueAt, "who comes too early is told the time")
        try expect(try await self.log.depth(of: partition) == 0, "timers are not in the queue")
        do {
            _ = try await self.log.fire(dueBy: timer.firing.dueAt, self.fence(partition).earlier)
            throw ConformanceFailure(description: "broken promise: a stale owner fires nothing")
        } catch let error as StoreError {
            try expect(error.code == .fenced, "a stale owner is told that it is fenced")
        }
        do {
            try await self.log.set([timer], self.fence(partition).earlier)
            throw ConformanceFailure(description: "broken promise: a stale owner sets nothing")
        } catch let error as StoreError {
            try expect(error.code == .fenced, "a stale owner is told that it is fenced")
        }
        let now = timer.firing.dueAt.advanced(by: .seconds(1))
        try expect(try await self.log.fire(dueBy: now, self.fence(partition)) == nil, "a timer that fired is gone")
        let entries = try await self.log.next(partition, after: .start, limit: 10)
        try expect(entries.map(\.message) == [timer.message(at: now)], "a due timer becomes its message")
        try await self.settle(entries.map(\.offset), in: partition)
    }

    private func dropsVoidTimers() async throws {
        let (first, partition) = try await self.answered("timer-2", from: "12")
        try await self.log.set([self.timer(first, after: .seconds(10))], self.fence(partition))
        let later = Sample.message("timer-3", from: "12", at: Self.noon.milliseconds + 5_000)
        let (_, offset) = try Sample.partition(try await self.log.append([Sample.append(later)])[0])
        try await self.settle([offset], in: partition)
        let due = Self.noon.advanced(by: .seconds(10))
        try expect(
            try await self.log.fire(dueBy: due, self.fence(partition)) == nil, "a timer whose contact has written is taken away"
        )
        try expect(try await self.log.depth(of: partition) == 0, "and has no message")
        let (second, _) = try await self.answered("timer-4", from: "13")
        let number = second.conversation.partitionNumber(of: self.log.partitionCount)
        let other = Partition.ID(assistant: "financeiro", number: number)
        try await self.log.set([self.timer(second, after: .seconds(10))], self.fence(other))
        try expect(
            try await self.log.fire(dueBy: due, self.fence(other)) == nil,
            "so is one whose conversation another assistant holds")
        try expect(try await self.log.depth(of: other) == 0, "which has no message, either")
    }

    private func endsSessions() async throws {
        let (message, partition) = try await self.answered("end-1", from: "14")
        let earlier = message.receivedAt.advanced(by: .seconds(-1))
        try await self.log.end([SessionEnd(conversation: message.conversation, contactWroteAt: earlier)], self.fence(partition))
        let kept = Sample.message("end-2", from: "14", at: message.receivedAt.milliseconds + 1_000)
        let (stays, offset) = try Sample.partition(try await self.log.append([Sample.append(kept, to: "comercial")])[0])
        try expect(stays == partition, "a session whose contact has written since goes on")
        try await self.settle([offset], in: partition)
        let timer = self.timer(kept, rule: "nps", after: .seconds(10))
        try await self.log.set([timer], self.fence(partition))
        try await self.log.end(
            [SessionEnd(conversation: message.conversation, contactWroteAt: kept.receivedAt)], self.fence(partition))
        // A closed conversation's timer still fires, and until it is settled nobody else takes the conversation.
        _ = try await self.log.fire(dueBy: timer.firing.dueAt, self.fence(partition))
        let survey = try await self.log.next(partition, after: .start, limit: 10)
        try expect(survey.map(\.message.details.timer?.rule) == ["nps"], "timers outlive the session")
        let reply = Sample.message("end-3", from: "14", at: message.receivedAt.milliseconds + 2_000)
        let early = try Sample.partition(try await self.log.append([Sample.append(reply, to: "comercial")])[0])
        try expect(early.0 == partition, "nobody takes over while a timer's message is unsettled")
        try await self.settle(survey.map(\.offset) + [early.1], in: partition)
        let next = Sample.message("end-4", from: "14", at: message.receivedAt.milliseconds + 3_000)
        let moved = try Sample.partition(try await self.log.append([Sample.append(next, to: "comercial")])[0])
        try expect(moved.0.queue == "comercial", "after an ended session, the route decides again")
        try await self.settle([moved.1], in: moved.0)
    }

    private func settle(_ offsets: [LogOffset], in partition: Partition.ID) async throws {
        try await self.log.settle(offsets, self.fence(partition))
    }
}
