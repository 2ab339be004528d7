import CardumeActors
import CardumeCore
import CardumeTesting
import Testing

/// A log that has been set back by a failover may say what is no longer true: the journal knows.
@Suite(.timeLimit(.minutes(2))) struct FailoverRemainsTests {
    private static let queue = QueueID(RuntimeTestBed.assistant)

    @Test func aNoticeOfAHoldThatIsNoMoreHoldsNobody() async throws {
        let bed = RuntimeTestBed(handler: ScriptedHandler())
        await bed.start()
        try await bed.post("c", ["a"])
        await bed.events.finished(1)
        try await bed.store.announce(.park, of: "loja:c", to: [Self.queue])
        try await bed.post("c", ["b"])
        await bed.events.finished(2)
        #expect(bed.channel.texts(to: "c") == ["re: a", "re: b"])
        #expect(await bed.stop())
    }

    @Test func aNoticeOfAnOldReleaseReleasesNobody() async throws {
        let bed = RuntimeTestBed(
            assistant: Assistant(
                id: RuntimeTestBed.assistant, retry: RetryPolicy(maximumAttempts: 1), onDeadLetter: .hold),
            handler: ScriptedHandler.refusingPoison())
        await bed.start()
        try await bed.post("c", ["poison", "a"])
        await bed.events.wait { $0.contains { if case .conversationHeld = $0 { true } else { false } } }
        try await Waiting.until("the letter to be settled", within: .seconds(60)) { bed.store.unsettled == 1 }
        try await bed.store.announceLift(of: "loja:c", to: [Self.queue])
        // Read once its notice is settled.
        try await Waiting.until("the notice to be settled", within: .seconds(60)) { bed.store.unsettled == 1 }
        try await bed.post("other", ["x", "y"])
        await bed.events.finished(3)
        #expect(bed.channel.texts(to: "c").isEmpty)
        try await bed.store.lift(holdOn: "loja:c")
        try await bed.store.announceLift(of: "loja:c", to: [Self.queue])
        await bed.events.finished(4)
        #expect(bed.channel.texts(to: "c") == ["re: a"])
        #expect(await bed.stop())
    }

    /// Two messages answered by one turn, whose reply was not sent yet. The log has lost the first, or has got it back behind
    /// the second.
    @Test(arguments: [false, true]) func aMergedTurnsReplyIsSentOnce(comesFirstBack: Bool) async throws {
        let store = MemoryStore()
        let appends = ["um", "dois"].map { RuntimeTestBed.append("c", $0) }
        let messages = appends.map(\.message)
        let conversation = messages[0].conversation
        let partition = Partition.ID(Self.queue, number: conversation.partitionNumber(of: store.partitionCount))
        let epoch = try #require(try await store.claim([partition], for: "antes")[partition]?.epoch)
        let fence = Fence(partition, epoch)
        let intent = SendIntent(
            id: SendIntent.ID(conversation: conversation, turn: messages[0].id, part: 0), replyAddress: "c", text: "tudo",
            traceID: "")
        let now = SystemClock().wallTime
        let turn = TurnCommit(
            turn: messages[0].id, conversation: conversation, assistant: RuntimeTestBed.assistant, messages: messages,
            intents: [intent], usage: nil, attempt: 1, startedAt: now, finishedAt: now)
        #expect(try await store.commit(.turn(turn), fence) == .committed)
        try await store.release([fence], of: "antes")
        _ = try await store.append(comesFirstBack ? [appends[1], appends[0]] : [appends[1]])

        let bed = RuntimeTestBed(store: store, handler: ScriptedHandler())
        await bed.start()
        try await bed.post("c", ["três"])
        try await Waiting.until("everything to be settled", within: .seconds(60)) { store.unsettled == 0 }
        #expect(bed.channel.texts(to: "c") == ["tudo", "re: três"])
        #expect(await bed.stop())
    }
}
