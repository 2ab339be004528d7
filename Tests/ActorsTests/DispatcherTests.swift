import CardumeActors
import CardumeCore
import CardumeTesting
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct DispatcherTests {
    @Test func answersEachConversationInOrder() async throws {
        let bed = RuntimeTestBed(handler: ScriptedHandler())
        await bed.start()
        let contacts = (0..<40).map { "c\($0)" }
        let texts = (0..<25).map { "m\($0)" }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for contact in contacts { group.addTask { try await bed.post(contact, texts) } }
            try await group.waitForAll()
        }
        await bed.events.finished(contacts.count * texts.count)
        #expect(await bed.stop())
        for contact in contacts { #expect(bed.channel.texts(to: contact) == texts.map { "re: \($0)" }) }
        #expect(bed.store.unsettled == 0)
    }

    @Test func backlogFromBeforeTheStartIsAnswered() async throws {
        let store = MemoryStore()
        let bed = RuntimeTestBed(store: store, handler: ScriptedHandler())
        try await bed.post("c", (0..<200).map { "m\($0)" })
        await bed.start()
        await bed.events.finished(200)
        #expect(await bed.stop())
        #expect(bed.channel.texts(to: "c") == (0..<200).map { "re: m\($0)" })
    }

    @Test func contextGrowsWithTheConversation() async throws {
        let seen = Mutex<[Int]>([])
        let bed = RuntimeTestBed(
            assistant: Assistant(id: RuntimeTestBed.assistant, contextTurns: 2),
            handler: ScriptedHandler { turn in
                seen.withLock { $0.append(turn.context.count) }
                return "ok"
            })
        await bed.start()
        try await bed.post("c", ["a", "b", "c", "d"])
        await bed.events.finished(4)
        _ = await bed.stop()
        #expect(seen.withLock { $0 } == [0, 2, 4, 4])
    }

    /// One conversation's message always fails: it becomes a dead letter after three attempts, and nobody else waits.
    @Test func poisonBecomesADeadLetterWhileOthersGoOn() async throws {
        let attempts = Mutex(0)
        let bed = RuntimeTestBed(
            handler: ScriptedHandler { turn in
                if turn.messages[0].text == "poison" {
                    attempts.withLock { $0 += 1 }
                    throw TurnFailure(category: .timeout, message: "always", isRetryable: true)
                }
                return "re: \(turn.messages[0].text ?? "")"
            })
        await bed.start()
        try await bed.post("bad", ["poison", "next"])
        for index in 0..<20 { try await bed.post("good\(index)", ["a", "b"]) }
        await bed.events.finished(42)
        _ = await bed.stop()
        #expect(attempts.withLock { $0 } == 3)
        #expect(bed.store.deadLetters.map(\.message.text) == ["poison"])
        #expect(bed.store.deadLetters.map(\.attempts) == [3])
        #expect(bed.channel.texts(to: "bad") == ["re: next"])
        for index in 0..<20 { #expect(bed.channel.texts(to: "good\(index)") == ["re: a", "re: b"]) }
    }

    @Test func aHeldConversationWaitsUntilReleased() async throws {
        let bed = RuntimeTestBed(
            assistant: Assistant(
                id: RuntimeTestBed.assistant, retry: RetryPolicy(maximumAttempts: 1), onDeadLetter: .hold),
            handler: ScriptedHandler.refusingPoison())
        await bed.start()
        try await bed.post("c", ["poison", "a", "b"])
        await bed.events.wait { $0.contains { if case .conversationHeld = $0 { true } else { false } } }
        try await bed.post("other", ["x"])
        await bed.events.finished(2)
        #expect(bed.channel.texts(to: "c").isEmpty)
        // What is finished is settled soon after.
        while bed.store.unsettled > 2 { await Task.yield() }
        #expect(bed.store.unsettled == 2)
        try await bed.store.lift(holdOn: "loja:c")
        try await bed.store.announceLift(of: "loja:c", to: [QueueID(RuntimeTestBed.assistant)])
        await bed.events.finished(4)
        _ = await bed.stop()
        #expect(bed.channel.texts(to: "c") == ["re: a", "re: b"])
    }

    @Test func slotsBoundWhatRunsAtOnce() async throws {
        let running = Mutex((now: 0, most: 0))
        let bed = RuntimeTestBed(
            assistant: Assistant(id: RuntimeTestBed.assistant, slots: 3),
            handler: ScriptedHandler { _ in
                running.withLock { running in
                    running.now += 1
                    running.most = max(running.most, running.now)
                }
                for _ in 0..<20 { await Task.yield() }
                running.withLock { $0.now -= 1 }
                return "ok"
            })
        await bed.start()
        for index in 0..<50 { try await bed.post("c\(index)", ["a"]) }
        await bed.events.finished(50)
        _ = await bed.stop()
        #expect(running.withLock { $0.most } <= 3)
        #expect(running.withLock { $0.most } > 1, "the test would pass with one slot")
    }

    @Test func idleConversationsLeaveMemory() async throws {
        let clock = ManualClock()
        var settings = Dispatcher.Settings()
        settings.idleTime = .seconds(60)
        let bed = RuntimeTestBed(settings: settings, clock: clock, handler: ScriptedHandler())
        await bed.start()
        for index in 0..<10 { try await bed.post("c\(index)", ["a"]) }
        await bed.events.finished(10)
        #expect(await bed.dispatcher.conversationCount() == 10)
        // Others sleep on this clock, too.
        for _ in 0..<1_000 where await bed.dispatcher.conversationCount() > 0 {
            await clock.sleepers()
            clock.advance(by: .seconds(30))
        }
        #expect(await bed.dispatcher.conversationCount() == 0)
        try await bed.post("c0", ["b"])
        await bed.events.finished(11)
        #expect(bed.channel.texts(to: "c0") == ["re: a", "re: b"])
        _ = await bed.stop()
    }

    // MARK: Sends

    @Test func anAnswerThatWasSentDespiteAnErrorIsFoundAndNotRepeated() async throws {
        let channel = RecordingChannel { _, request in
            request == 1 ? (true, .unknown(reason: "400 after the send")) : (true, .accepted(providerID: "p\(request)"))
        }
        let bed = RuntimeTestBed(channel: channel, handler: ScriptedHandler())
        await bed.start()
        try await bed.post("c", ["a", "b"])
        await bed.events.finished(2)
        _ = await bed.stop()
        #expect(channel.texts(to: "c") == ["re: a", "re: b"])
        #expect(channel.reconciliations == 1)
        #expect(bed.store.sends.map(\.ambiguousAttempts) == [1, 0])
        #expect(bed.store.sends.allSatisfy { $0.state == .accepted && $0.resends == 0 })
    }

    @Test func anAnswerThatWasNotSentIsSentOnceMore() async throws {
        let channel = RecordingChannel { _, request in
            request == 1 ? (false, .unknown(reason: "timeout")) : (true, .accepted(providerID: "p\(request)"))
        }
        let bed = RuntimeTestBed(channel: channel, handler: ScriptedHandler())
        await bed.start()
        try await bed.post("c", ["a", "b"])
        await bed.events.finished(2)
        _ = await bed.stop()
        #expect(channel.texts(to: "c") == ["re: a", "re: b"])
        #expect(bed.store.sends.map(\.resends) == [1, 0])
    }

    @Test func repliesWaitForAGatewayThatIsDown() async throws {
        let channel = RecordingChannel { _, request in
            request <= 5 ? (false, .unavailable(reason: "refused")) : (true, .accepted(providerID: "p\(request)"))
        }
        let bed = RuntimeTestBed(channel: channel, handler: ScriptedHandler())
        await bed.start()
        // Of today: older than a day, they would not wait.
        for text in ["a", "b", "c"] {
            _ = try await bed.store.append([RuntimeTestBed.append("c", text, at: SystemClock().wallTime)])
        }
        await bed.events.finished(3)
        _ = await bed.stop()
        #expect(channel.texts(to: "c") == ["re: a", "re: b", "re: c"])
        #expect(bed.store.deadLetters.isEmpty)
    }

    @Test func aRefusedReplyIsADeadLetter() async throws {
        let channel = RecordingChannel { intent, _ in
            intent.text == "re: a" ? (false, .refused(reason: "no such number")) : (true, .accepted(providerID: nil))
        }
        let bed = RuntimeTestBed(channel: channel, handler: ScriptedHandler())
        await bed.start()
        try await bed.post("c", ["a", "b"])
        await bed.events.finished(2)
        _ = await bed.stop()
        #expect(bed.store.deadLetters.map(\.failure.category) == [.refused])
        #expect(channel.texts(to: "c") == ["re: b"])
    }

    // MARK: Stores that fail

    @Test func aStoreOutageDelaysButLosesNothing() async throws {
        let store = MemoryStore()
        let gate = Gate()
        let bed = RuntimeTestBed(
            store: store,
            handler: ScriptedHandler { turn in
                await gate.pass()
                return "re: \(turn.messages[0].text ?? "")"
            })
        await bed.start()
        try await bed.post("c", ["a", "b"])
        await gate.arrival()
        store.fail(with: StoreError(.full, "disk full"))
        gate.open()
        await bed.events.wait { $0.contains { if case .storeUnavailable = $0 { true } else { false } } }
        store.fail(with: nil)
        await bed.events.finished(2)
        _ = await bed.stop()
        #expect(bed.channel.texts(to: "c") == ["re: a", "re: b"])
        #expect(store.unsettled == 0)
    }

    /// The turn was journaled although the answer said nothing: nobody else can have sent its reply.
    @Test func aCommitWhoseAnswerWasLostIsNoDoubt() async throws {
        let store = MemoryStore()
        let bed = RuntimeTestBed(store: store, handler: ScriptedHandler())
        await bed.start()
        store.loseNextAnswer()
        try await bed.post("c", ["a", "b"])
        await bed.events.finished(2)
        _ = await bed.stop()
        #expect(bed.events.all.contains { if case .storeUnavailable = $0 { true } else { false } })
        #expect(bed.channel.texts(to: "c") == ["re: a", "re: b"])
        #expect(bed.channel.reconciliations == 0)
        #expect(store.sends.map(\.ambiguousAttempts) == [0, 0])
    }

    /// The lease runs out while the log is slow to open: what opens afterwards must not be worked on beside its next owner.
    @Test func aPartitionThatOpensTooLateIsGivenUp() async throws {
        let store = MemoryStore(timeToLive: .seconds(1))
        let gate = Gate()
        let bed = RuntimeTestBed(store: store, log: SlowLog(store) { await gate.pass() }, handler: ScriptedHandler())
        async let start: Void = bed.start()
        await bed.events.wait { $0.contains { if case .ownershipChanged(_, _, 4, _, _) = $0 { true } else { false } } }
        gate.open()
        await start
        for contact in 0..<8 { try await bed.post("\(contact)", ["a", "b"]) }
        await bed.events.finished(16)
        #expect(bed.coordinator.ownedCount == 4)
        #expect(await bed.stop())
        for contact in 0..<8 { #expect(bed.channel.texts(to: "\(contact)") == ["re: a", "re: b"]) }
        #expect(!bed.events.all.contains { if case .partitionAbandoned = $0 { true } else { false } })
    }

    @Test func afterAnotherOwnerTookOverNothingIsCommitted() async throws {
        let store = MemoryStore()
        let gate = Gate()
        let bed = RuntimeTestBed(
            store: store,
            handler: ScriptedHandler { _ in
                await gate.pass()
                return "late"
            })
        await bed.start()
        try await bed.post("c", ["a"])
        await gate.arrival()
        store.crash()
        gate.open()
        await bed.events.wait { $0.contains { if case .partitionAbandoned = $0 { true } else { false } } }
        _ = await bed.stop()
        #expect(bed.channel.requests == 0)
        #expect(store.unsettled == 1)
    }

    // MARK: Shutdown and takeover

    @Test func shutdownLetsARunningTurnEndAndHandsTheRestBack() async throws {
        let store = MemoryStore()
        let gate = Gate()
        let clock = ManualClock()
        let first = RuntimeTestBed(
            store: store, clock: clock,
            handler: ScriptedHandler { turn in
                await gate.pass()
                return "re: \(turn.messages[0].text ?? "")"
            })
        await first.start()
        try await first.post("c", ["a", "b"])
        await gate.arrival()
        async let isInTime = first.stop()
        // Idle partitions are handed back at once; the deadline that is left is that of the turn.
        while store.heldLeases > 1 { await Task.yield() }
        await clock.sleeper(until: .seconds(5))
        gate.open()
        #expect(await isInTime)
        #expect(first.channel.texts(to: "c") == ["re: a"])
        #expect(store.unsettled == 1)
        let second = RuntimeTestBed(store: store, channel: first.channel, handler: ScriptedHandler())
        await second.start()
        await second.events.finished(1)
        _ = await second.stop()
        #expect(first.channel.texts(to: "c") == ["re: a", "re: b"])
        #expect(store.sends.allSatisfy { $0.ambiguousAttempts == 0 })
    }

    @Test func aTurnThatHangsIsInterruptedAtTheDeadline() async throws {
        let store = MemoryStore()
        let gate = Gate()
        let bed = RuntimeTestBed(
            store: store,
            handler: ScriptedHandler { _ in
                async let arrived: Void = gate.pass()
                try await ContinuousClock().sleep(for: .seconds(3600))
                await arrived
                return nil
            })
        await bed.start()
        try await bed.post("c", ["a"])
        await gate.arrival()
        gate.open()
        #expect(await bed.stop(within: .milliseconds(50)) == false)
        #expect(store.unsettled == 1)
        #expect(store.deadLetters.isEmpty, "an interruption is no attempt")
    }

    /// A send that the dead owner had begun: it is asked for, and repeated only if it never left.
    @Test(arguments: [true, false])
    func takeoverReconcilesSendsInDoubt(_ hadLeft: Bool) async throws {
        let store = MemoryStore()
        let channel = RecordingChannel()
        let bed = RuntimeTestBed(store: store, channel: channel, handler: ScriptedHandler())
        try await bed.post("c", ["a", "b"])
        let message = RuntimeTestBed.append("c", "a").message
        let partition = Partition.ID(
            assistant: RuntimeTestBed.assistant, number: message.conversation.partitionNumber(of: store.partitionCount))
        let ownership = try #require(try await store.claim([partition], for: "earlier")[partition])
        let intent = SendIntent(
            id: SendIntent.ID(conversation: message.conversation, turn: message.id, part: 0), replyAddress: "c",
            text: "re: a", traceID: "", state: .sending, attempts: 1, attemptedAt: message.receivedAt)
        _ = try await store.commit(
            .turn(
                TurnCommit(
                    turn: message.id, conversation: message.conversation, assistant: RuntimeTestBed.assistant,
                    messages: [message], intents: [intent], usage: nil, attempt: 1, startedAt: message.receivedAt,
                    finishedAt: message.receivedAt)), Fence(partition, ownership.epoch))
        if hadLeft { _ = await channel.send(intent) }
        store.crash()
        await bed.start()
        await bed.events.finished(2)
        _ = await bed.stop()
        #expect(channel.texts(to: "c") == ["re: a", "re: b"])
        #expect(store.sends.map(\.ambiguousAttempts) == [1, 0])
        #expect(store.sends.map(\.resends) == [hadLeft ? 0 : 1, 0])
    }

    /// A message that kills the process each time it runs is given up at the third restart, and no neighbour with it.
    @Test func aMessageThatKillsTheProcessIsGivenUp() async throws {
        let store = MemoryStore()
        let channel = RecordingChannel()
        var runs = 0
        for _ in 0..<3 {
            let gate = Gate()
            let bed = RuntimeTestBed(
                store: store, channel: channel,
                handler: ScriptedHandler { turn in
                    if turn.messages[0].text == "killer" {
                        await gate.pass()
                        throw CancellationError()
                    }
                    return "re: \(turn.messages[0].text ?? "")"
                })
            if runs == 0 { try await bed.post("bad", ["killer", "next"]) }
            try await bed.post("good", ["m\(runs)"])
            await bed.start()
            await gate.arrival()
            await bed.events.finished(1)
            // Settled, too: else the next owner finishes it again and this loop takes that for the next message.
            while store.unsettled > 2 { await Task.yield() }
            runs += 1
            store.crash()
            gate.open()
            _ = await bed.stop()
        }
        #expect(store.deadLetters.isEmpty)
        let last = RuntimeTestBed(store: store, channel: channel, handler: ScriptedHandler())
        await last.start()
        await last.events.finished(2)
        _ = await last.stop()
        #expect(store.deadLetters.map(\.message.text) == ["killer"])
        #expect(store.deadLetters.map(\.failure.category) == [.crash])
        #expect(channel.texts(to: "bad") == ["re: next"])
        #expect(channel.texts(to: "good") == ["re: m0", "re: m1", "re: m2"])
    }

    // MARK: Sharing partitions

    /// Two members over one store: what one owned moves when the other comes, and back when it goes, and every conversation's
    /// order holds.
    @Test func membersComeAndGoInGoodOrder() async throws {
        let store = MemoryStore(partitionCount: 16, timeToLive: .seconds(60))
        let channel = RecordingChannel()
        let first = RuntimeTestBed(store: store, channel: channel, handler: ScriptedHandler())
        await first.start()
        let contacts = (0..<30).map { "c\($0)" }
        async let posting: Void = {
            for index in 0..<40 { for contact in contacts { try await first.post(contact, ["m\(index)"]) } }
        }()
        let second = RuntimeTestBed(store: store, channel: channel, handler: ScriptedHandler())
        await second.start()
        while second.coordinator.ownedCount < 7 { try await ContinuousClock().sleep(for: .milliseconds(5)) }
        #expect((7...9).contains(first.coordinator.ownedCount))
        #expect(await second.stop())
        try await posting
        while store.unsettled > 0 { try await ContinuousClock().sleep(for: .milliseconds(5)) }
        #expect(await first.stop())
        for contact in contacts { #expect(channel.texts(to: contact) == (0..<40).map { "re: m\($0)" }) }
        #expect(store.sends.allSatisfy { $0.ambiguousAttempts == 0 })
    }

    /// A failover of the log's server brings settled entries back: they are recognised and settled again, not answered again.
    @Test func entriesThatComeBackAreNotAnsweredAgain() async throws {
        let store = MemoryStore(partitionCount: 1, timeToLive: .seconds(60))
        let bed = RuntimeTestBed(store: store, handler: ScriptedHandler())
        let partition = Partition.ID(assistant: RuntimeTestBed.assistant, number: 0)
        try await bed.post("c", ["a", "b"])
        let entries = try await store.next(partition, after: .start, limit: 10)
        await bed.start()
        await bed.events.finished(2)
        while store.unsettled > 0 { await Task.yield() }
        store.bringBack(entries, in: partition)
        await bed.events.wait { events in
            events.count { if case .ownershipChanged(1, _, _, _, _) = $0 { true } else { false } } >= 2
        }
        while store.unsettled > 0 { try await ContinuousClock().sleep(for: .milliseconds(5)) }
        try await bed.post("c", ["c"])
        while bed.channel.texts(to: "c").count < 3 { try await ContinuousClock().sleep(for: .milliseconds(5)) }
        #expect(await bed.stop())
        #expect(bed.channel.texts(to: "c") == ["re: a", "re: b", "re: c"])
    }
}
