import CardumeActors
import CardumeCore
import CardumeTesting
import Testing

/// Between two looks at something that happens elsewhere.
private func pause() async throws { try await ContinuousClock().sleep(for: .milliseconds(1)) }

/// A number with three servers, weights 3, 2 and 1, and conversations that are answered through them.
private final class RoutedBed: Sendable {
    let wire = Wire()
    let servers: [FakeServer]
    let channel: RoutedChannel
    let breakers: Breakers
    let bed: RuntimeTestBed
    let contacts: [String]

    init(
        _ settings: GatewaySettings = GatewaySettings(weights: ["a": 3, "b": 2, "c": 1]),
        breaker: CircuitBreaker.Settings? = nil,
        isHasty: Bool = false, contacts: Int = 60
    ) {
        let servers = ["a", "b", "c"].map { [wire] in FakeServer($0, wire) }
        self.servers = servers
        self.contacts = (0..<contacts).map { "c\($0)" }
        let events = EventRecorder()
        let clock = SystemClock()
        // What does not test breakers must not meet one.
        let guarding = breaker ?? CircuitBreaker.Settings(minimumCalls: 1_000_000)
        let breakers = Breakers(settings: BreakerSettings(gateway: guarding), clock: clock, observer: events)
        self.breakers = breakers
        let channel = RoutedChannel(
            id: "loja", servers: servers.map { ($0.name, isHasty ? HastyServer(server: $0) : $0) }, settings: settings,
            breakers: breakers, clock: clock, observer: events)
        self.channel = channel
        self.bed = RuntimeTestBed(clock: clock, route: channel, handler: ScriptedHandler())
    }

    /// Posts the texts of all contacts and returns when all are answered.
    func answer(_ texts: [String], of total: Int) async throws {
        for contact in self.contacts { try await self.bed.post(contact, texts) }
        await self.bed.events.finished(total * self.contacts.count)
    }

    func replies(_ texts: [String]) -> [String] { texts.map { "re: \($0)" } }
}

@Suite(.timeLimit(.minutes(1))) struct RoutingTests {
    @Test func aConversationStaysWithItsServerAndMovesOnlyWhileThatIsAway() async throws {
        let routed = RoutedBed()
        await routed.bed.start()
        try await routed.answer(["1", "2"], of: 2)
        let homes = Dictionary(grouping: routed.wire.sends) { $0.contact }.mapValues { Set($0.map(\.server)) }
        #expect(homes.values.allSatisfy { $0.count == 1 })
        #expect(Set(homes.values.flatMap(\.self)) == ["a", "b", "c"])
        routed.servers[0].enter(.away)
        try await routed.answer(["3", "4"], of: 4)
        let moved = routed.wire.sends.dropFirst(2 * routed.contacts.count)
        for send in moved { #expect(send.server == homes[send.contact]?.first || homes[send.contact] == ["a"]) }
        #expect(moved.allSatisfy { $0.server != "a" })
        routed.servers[0].enter(.well)
        try await routed.answer(["5"], of: 5)
        for send in routed.wire.sends.dropFirst(4 * routed.contacts.count) { #expect(homes[send.contact] == [send.server]) }
        #expect(await routed.bed.stop())
        #expect(routed.wire.outOfOrder(routed.contacts, routed.replies(["1", "2", "3", "4", "5"])) == [])
        #expect(routed.wire.duplicates == [])
        let failedOver = routed.bed.events.all.count { if case .sendFailedOver = $0 { true } else { false } }
        #expect(failedOver == 2 * homes.values.count { $0 == ["a"] })
    }

    private func answeredWithFault(_ mode: FakeServer.Mode, isHasty: Bool) async throws -> RoutedBed {
        let routed = RoutedBed(isHasty: isHasty)
        routed.servers[0].enter(mode)
        await routed.bed.start()
        try await routed.answer(["1", "2", "3"], of: 3)
        _ = await routed.bed.stop()
        return routed
    }

    @Test(arguments: [FakeServer.Mode.errorAfterSend, .silenceAfterSend])
    func aSendInDoubtNeverGoesToAnotherServer(_ mode: FakeServer.Mode) async throws {
        let routed = try await self.answeredWithFault(mode, isHasty: false)
        #expect(routed.wire.duplicates == [])
        #expect(routed.wire.outOfOrder(routed.contacts, routed.replies(["1", "2", "3"])) == [])
        #expect(routed.wire.requests.count == 3 * routed.contacts.count, "nothing was even tried twice")
        let doubts = routed.bed.store.sends.filter { $0.ambiguousAttempts > 0 }
        #expect(!doubts.isEmpty)
        #expect(doubts.allSatisfy { $0.server == "a" && $0.state == .accepted && $0.resends == 0 })
    }

    /// The control: with servers that take a doubt for a failure, the same check sees the duplicates.
    @Test(arguments: [FakeServer.Mode.errorAfterSend, .silenceAfterSend])
    func whoFailsOverInDoubtSendsTwice(_ mode: FakeServer.Mode) async throws {
        let routed = try await self.answeredWithFault(mode, isHasty: true)
        #expect(!routed.wire.duplicates.isEmpty)
    }

    @Test func theOneResendGoesToTheServerInDoubt() async throws {
        let routed = RoutedBed()
        routed.servers[0].enter(.silence)
        await routed.bed.start()
        for contact in routed.contacts { try await routed.bed.post(contact, ["1"]) }
        await routed.bed.events.wait { events in
            events.count { if case .sendInDoubt = $0 { true } else { false } } > 0
        }
        routed.servers[0].enter(.well)
        await routed.bed.events.finished(routed.contacts.count)
        _ = await routed.bed.stop()
        for request in Dictionary(grouping: routed.wire.requests, by: \.contact).values {
            #expect(Set(request.map(\.server)).count == 1, "\(request)")
        }
        #expect(routed.bed.store.sends.allSatisfy { $0.resends == 0 || $0.server == "a" })
        #expect(routed.wire.duplicates == [])
    }

    /// All servers are away: replies wait, without requests but for probes, and go out in order when one is back.
    @Test func repliesWaitWhileAllAreAwayAndGoOutInOrder() async throws {
        let breaker = CircuitBreaker.Settings(minimumCalls: 5, openFor: .milliseconds(300))
        let routed = RoutedBed(breaker: breaker, contacts: 40)
        for server in routed.servers { server.enter(.away) }
        await routed.bed.start()
        for contact in routed.contacts { try await routed.bed.post(contact, ["1", "2", "3"]) }
        await routed.bed.events.wait { events in
            events.count { if case .sendWillRetry(_, .breaker, _) = $0 { true } else { false } } >= 100
        }
        #expect(routed.breakers.status.allSatisfy { $0.phase != .closed })
        #expect(routed.wire.sends.isEmpty)
        let waiting = routed.wire.requests.count
        routed.servers[1].enter(.well)
        await routed.bed.events.finished(3 * routed.contacts.count)
        #expect(await routed.bed.stop())
        #expect(routed.wire.outOfOrder(routed.contacts, routed.replies(["1", "2", "3"])) == [])
        #expect(routed.wire.duplicates == [])
        #expect(routed.bed.store.deadLetters.isEmpty)
        // Each conversation's first reply was tried at three servers once or twice before the breakers knew; then only probes.
        let postponed = routed.bed.events.all.count { if case .sendWillRetry(_, .breaker, _) = $0 { true } else { false } }
        #expect(waiting < postponed + 6 * routed.contacts.count)
        #expect(routed.bed.store.sends.allSatisfy { $0.server == "b" })
    }

    /// While the only server's breaker is open, no attempt is made or counted; one probe ends it.
    @Test func noAttemptIsUsedUpWhileTheBreakerIsOpen() async throws {
        let wire = Wire()
        let server = FakeServer("a", wire, .away)
        let events = EventRecorder()
        let breakers = Breakers(
            settings: BreakerSettings(gateway: CircuitBreaker.Settings(minimumCalls: 3, openFor: .milliseconds(500))),
            clock: SystemClock(), observer: events)
        let channel = RoutedChannel(
            id: "loja", servers: [(nil, server)], settings: GatewaySettings(), breakers: breakers, clock: SystemClock(),
            observer: events)
        let bed = RuntimeTestBed(route: channel, handler: ScriptedHandler())
        await bed.start()
        try await bed.post("c", ["1"])
        await events.wait { !$0.isEmpty }
        // Others come while it is open: their replies are journaled as not begun.
        try await bed.post("d", ["1"])
        await bed.events.wait { events in
            events.contains { if case .sendWillRetry(let intent, .breaker, _) = $0 { intent.attempts == 0 } else { false } }
        }
        server.enter(.well)
        await bed.events.finished(2)
        #expect(await bed.stop())
        let changes = events.all.compactMap { if case .breakerChanged(_, let change) = $0 { change.to } else { nil } }
        #expect(changes.last == .closed)
        #expect(wire.requests.count - 2 == changes.count { $0 == .open } + 2, "before it opened, and one probe each time")
        #expect(wire.sends.count == 2)
    }

    @Test func aServerThatSaysItIsDownIsPassedOverUntilItIsBack() async throws {
        let routed = RoutedBed(GatewaySettings(weights: ["a": 3, "b": 2, "c": 1], healthCheck: .milliseconds(1)))
        await routed.channel.checkServers()
        routed.servers[0].say(.down(reason: "close"))
        while routed.channel.status[0].problem == nil { await routed.channel.checkServers() }
        #expect(routed.channel.status.map(\.problem) == ["close", nil, nil])
        await routed.bed.start()
        try await routed.answer(["1"], of: 1)
        #expect(routed.wire.requests.allSatisfy { $0.server != "a" })
        routed.servers[0].say(.up)
        while routed.channel.status[0].problem != nil { await routed.channel.checkServers() }
        try await routed.answer(["2"], of: 2)
        _ = await routed.bed.stop()
        #expect(routed.wire.requests.contains { $0.server == "a" })
        // Never asked, nothing is known of it.
        routed.servers[0].say(.down(reason: "close"))
        routed.channel.update(GatewaySettings(healthCheck: .zero))
        await routed.channel.checkServers()
        #expect(routed.channel.status.map(\.problem) == [nil, nil, nil])
    }

    @Test func typingIsShownBeforeAReplyThatIsNotYetBegunAndNoSlotIsHeld() async throws {
        let wire = Wire()
        let clock = ManualClock()
        let breakers = Breakers(clock: clock, observer: EventRecorder())
        let settings = GatewaySettings(
            pacing: TokenBucket.Settings(perMinute: 6), typingPerCharacter: .milliseconds(500), typingLimit: .seconds(60))
        let channel = RoutedChannel(
            id: "loja", servers: [(nil, FakeServer("a", wire))], settings: settings, breakers: breakers, clock: clock,
            observer: EventRecorder())
        let bed = RuntimeTestBed(clock: clock, route: channel, handler: ScriptedHandler())
        await bed.start()
        try await bed.post("c", ["12"])
        while wire.typing.isEmpty { try await pause() }
        #expect(wire.requests.isEmpty)
        #expect(bed.store.sends.map(\.state) == [.pending])
        #expect(bed.store.sends.map(\.attempts) == [0])
        #expect(bed.dispatcher.load[RuntimeTestBed.assistant]?.running == 0)
        // Six characters at half a second each.
        while !clock.deadlines.contains(.seconds(3)) { try await pause() }
        clock.advance(by: .seconds(3))
        while wire.sends.isEmpty { try await pause() }
        // The number's next turn is ten seconds after the first, and ends with as much typing.
        try await bed.post("d", ["12"])
        while !clock.deadlines.contains(.seconds(10)) { try await pause() }
        #expect(wire.typing.count == 1)
        clock.advance(by: .seconds(7))
        while !clock.deadlines.contains(.seconds(13)) { try await pause() }
        #expect(wire.requests.count == 1)
        clock.advance(by: .seconds(3))
        while wire.sends.count < 2 { try await pause() }
        #expect(wire.typing.map(\.contact) == ["c", "d"])
        _ = await bed.stop()
    }

    @Test func aPaceIsKeptByAllConversationsTogether() {
        let clock = ManualClock()
        let breakers = Breakers(clock: clock, observer: EventRecorder())
        let settings = GatewaySettings(pacing: TokenBucket.Settings(perMinute: 60, burst: 2), jitter: .milliseconds(400))
        let channel = RoutedChannel(
            id: "loja", servers: [(nil, FakeServer("a", Wire()))], settings: settings, breakers: breakers, clock: clock,
            observer: EventRecorder())
        #expect(channel.hasLead)
        let pauses = (0..<10).map { index in
            channel.lead(
                for: SendIntent(
                    id: SendIntent.ID(conversation: Conversation.ID("loja:\(index)"), turn: "m", part: 0), replyAddress: "",
                    text: "oi",
                    traceID: "")
            ).pause
        }
        for (index, pause) in pauses.enumerated() {
            let turn = Duration.seconds(max(0, index - 1))
            #expect(pause >= turn && pause <= turn + .milliseconds(400), "\(index): \(pause)")
        }
        channel.update(GatewaySettings())
        #expect(!channel.hasLead)
    }
}
