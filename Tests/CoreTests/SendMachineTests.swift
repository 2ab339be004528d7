import CardumeCore
import CardumeTesting
import Testing

@Suite struct SendMachineTests {
    private static let start = Timestamp(milliseconds: 1_795_176_000_000)

    private static func machine(
        _ state: SendIntent.State = .sending, _ policy: AmbiguousSendPolicy = .reconcileThenResend
    ) -> SendMachine {
        let hasBegun = state != .pending
        let intent = SendIntent(
            id: SendIntent.ID(conversation: "loja:1", turn: "m1", part: 0), replyAddress: "1", text: "oi", traceID: "",
            state: state, attempts: hasBegun ? 1 : 0, attemptedAt: hasBegun ? Self.start : nil)
        return SendMachine(
            intent, policy: SendMachine.Policy(onAmbiguous: policy, sendTimeout: .seconds(10), recordDelay: .seconds(3)))
    }

    @Test func anAcceptedSendIsDone() {
        var machine = Self.machine()
        #expect(machine.begin(isInherited: false, since: Self.start, at: Self.start) == .send)
        #expect(machine.sent(.accepted(providerID: "3EB0"), at: Self.start) == .done)
        #expect(machine.intent.state == .accepted)
        #expect(machine.intent.providerID == "3EB0")
        #expect(machine.intent.attempts == 1)
    }

    @Test func whatWasCertainlyNotSentIsSentAgain() {
        var machine = Self.machine()
        _ = machine.begin(isInherited: false, since: Self.start, at: Self.start)
        #expect(machine.sent(.unavailable(reason: "refused"), at: Self.start) == .route(avoiding: [nil]))
        #expect(machine.intent.state == .pending, "a crash now leaves no doubt")
        guard case .wait(_, .gateway(reason: "refused")) = machine.routed(.exhausted) else {
            Issue.record("no wait")
            return
        }
        #expect(machine.waited(at: Self.start) == .route(avoiding: []))
        #expect(machine.routed() == .send)
        #expect(machine.intent.state == .sending)
        #expect(machine.intent.attempts == 2)
        #expect(machine.intent.resends == 0, "not a repetition of anything")
    }

    /// Given up after a doubt: what was sent first may have arrived.
    @Test func aResendThatIsGivenUpIsNoRefusal() {
        var machine = Self.machine(.sending, .alwaysResend)
        _ = machine.begin(isInherited: false, since: Self.start, at: Self.start)
        _ = machine.sent(.unknown(reason: "lost"), at: Self.start)
        _ = machine.waited(at: Self.start)
        #expect(machine.routed() == .send)
        let later = Self.start.advanced(by: .seconds(25 * 3600))
        #expect(machine.sent(.unavailable(reason: "away"), at: later) == .done)
        #expect(machine.intent.state == .parked)
    }

    @Test func aRefusedSendIsGivenUp() {
        var machine = Self.machine()
        _ = machine.begin(isInherited: false, since: Self.start, at: Self.start)
        #expect(machine.sent(.refused(reason: "no such number"), at: Self.start) == .done)
        #expect(machine.intent.state == .refused)
    }

    @Test func aDoubtIsEndedByTheGatewaysRecord() {
        var machine = Self.machine()
        _ = machine.begin(isInherited: false, since: Self.start, at: Self.start)
        #expect(machine.sent(.unknown(reason: "timeout"), at: Self.start) == .reconcile)
        #expect(machine.intent.state == .unknown)
        #expect(machine.reconciled(.found(providerID: "3EB0"), at: Self.start) == .done)
        #expect(machine.intent.state == .accepted)
        #expect(machine.intent.ambiguousAttempts == 1)
        #expect(machine.intent.resends == 0)
    }

    @Test func absenceMeansNothingUntilTheRecordMustBeComplete() {
        var machine = Self.machine()
        _ = machine.begin(isInherited: false, since: Self.start, at: Self.start)
        _ = machine.sent(.unknown(reason: "reset"), at: Self.start)
        #expect(machine.reconciled(.absent, at: Self.start) == .wait(.seconds(13), .doubt(reason: "reset")))
        #expect(machine.waited(at: Self.start.advanced(by: .seconds(13))) == .reconcile)
        #expect(machine.reconciled(.absent, at: Self.start.advanced(by: .seconds(13))) == .route(avoiding: []))
        #expect(machine.intent.state == .unknown, "until it is really sent again")
        #expect(machine.routed() == .send)
        #expect(machine.intent.resends == 1)
        #expect(machine.intent.state == .sending)
    }

    @Test func thereIsOneResendAtMost() {
        var machine = Self.machine()
        let late = Self.start.advanced(by: .seconds(60))
        _ = machine.begin(isInherited: false, since: Self.start, at: Self.start)
        _ = machine.sent(.unknown(reason: "timeout"), at: late)
        #expect(machine.reconciled(.absent, at: late) == .route(avoiding: []))
        #expect(machine.routed() == .send)
        _ = machine.sent(.unknown(reason: "timeout"), at: late)
        #expect(machine.reconciled(.absent, at: late.advanced(by: .seconds(60))) == .done)
        #expect(machine.intent.state == .parked)
        #expect(machine.intent.ambiguousAttempts == 2)
        #expect(machine.intent.attempts == 2)
    }

    @Test func aGatewayThatCannotBeAskedIsAskedAgainThenPolicyDecides() {
        var machine = Self.machine()
        _ = machine.begin(isInherited: false, since: Self.start, at: Self.start)
        var step = machine.sent(.unknown(reason: "timeout"), at: Self.start)
        var questions = 0
        while step == .reconcile {
            questions += 1
            step = machine.reconciled(.unavailable(reason: "down"), at: Self.start)
            if case .wait = step { step = machine.waited(at: Self.start) }
        }
        #expect(questions == 30)
        #expect(step == .route(avoiding: []))
        #expect(machine.routed() == .send)
        #expect(machine.intent.resends == 1)
    }

    @Test func aGatewayThatCanNeverBeAskedIsNotAskedTwice() {
        var machine = Self.machine()
        _ = machine.begin(isInherited: false, since: Self.start, at: Self.start)
        _ = machine.sent(.unknown(reason: "timeout"), at: Self.start)
        #expect(
            machine.reconciled(.impossible(reason: "no record"), at: Self.start)
                == .wait(.seconds(13), .doubt(reason: "no record")))
        #expect(machine.waited(at: Self.start.advanced(by: .seconds(13))) == .route(avoiding: []))
    }

    /// The journal may have been slow: what counts is when the request was written.
    @Test func silenceIsBelievedFromWhenTheRequestWasWritten() {
        var machine = Self.machine()
        _ = machine.begin(isInherited: false, since: Self.start, at: Self.start)
        let late = Self.start.advanced(by: .seconds(300))
        machine.requestBegins(at: late)
        _ = machine.sent(.unknown(reason: "reset"), at: late)
        #expect(machine.reconciled(.absent, at: late) == .wait(.seconds(13), .doubt(reason: "reset")))
    }

    @Test func givingUpCountsFromTheMessageOverRestarts() {
        var machine = Self.machine(.pending)
        let nextDay = Self.start.advanced(by: .seconds(24 * 3600))
        _ = machine.begin(isInherited: true, since: Self.start, at: nextDay)
        _ = machine.routed(at: nextDay)
        #expect(machine.sent(.unavailable(reason: "down"), at: nextDay) == .done)
    }

    @Test func whatAnEarlierOwnerLeftInSendingIsInDoubt() {
        var machine = Self.machine(.sending)
        #expect(machine.begin(isInherited: true, since: Self.start, at: Self.start) == .reconcile)
        #expect(machine.intent.state == .unknown)
        #expect(machine.intent.ambiguousAttempts == 1)
    }

    @Test func whatAnEarlierOwnerLeftPendingIsSent() {
        var machine = Self.machine(.pending)
        #expect(machine.begin(isInherited: true, since: Self.start, at: Self.start) == .route(avoiding: []))
        #expect(machine.routed() == .send)
        #expect(machine.intent.state == .sending)
        #expect(machine.intent.attempts == 1)
    }

    @Test func policyMayForbidOrForceTheResend() {
        let late = Self.start.advanced(by: .seconds(60))
        var never = Self.machine(.sending, .neverResend)
        _ = never.begin(isInherited: false, since: Self.start, at: Self.start)
        _ = never.sent(.unknown(reason: "timeout"), at: late)
        #expect(never.reconciled(.absent, at: late) == .done)
        #expect(never.intent.state == .parked)
        var always = Self.machine(.sending, .alwaysResend)
        _ = always.begin(isInherited: false, since: Self.start, at: Self.start)
        #expect(always.sent(.unknown(reason: "timeout"), at: late) == .wait(.zero, .doubt(reason: "timeout")))
        #expect(always.waited(at: late) == .route(avoiding: []))
        #expect(always.routed() == .send)
        #expect(always.intent.resends == 1)
    }

    @Test func unsendableRepliesAreGivenUpAfterADay() {
        var machine = Self.machine()
        _ = machine.begin(isInherited: false, since: Self.start, at: Self.start)
        let nextDay = Self.start.advanced(by: .seconds(24 * 3600))
        #expect(machine.sent(.unavailable(reason: "401"), at: nextDay) == .done)
        #expect(machine.intent.state == .refused)
    }

    /// Whatever gateway and router answer, in every order to depth six: at most one request follows a doubt, a doubt stays with
    /// its server, no server is tried twice without a wait, and a final state tells the truth.
    @Test(arguments: AmbiguousSendPolicy.allCases)
    func invariantsHoldForAllAnswers(_ policy: AmbiguousSendPolicy) {
        var sequences: [[Int]] = [[]]
        for _ in 0..<6 { sequences = sequences.flatMap { sequence in (0..<5).map { sequence + [$0] } } }
        for sequence in sequences {
            var generator = SeededGenerator(seed: 5)
            var machine = Self.machine(.sending, policy)
            var now = Self.start
            var step = machine.begin(isInherited: false, since: now, at: now)
            var (doubts, requests, notBegun) = (0, 0, 0)
            var asked: Set<String?> = []
            var rest = sequence[...]
            course: while step != .done {
                switch step {
                case .route(let tried):
                    #expect(tried.isSubset(of: asked))
                    let servers = ["a", "b"].filter { !tried.contains($0) }
                    guard let answer = rest.popFirst() else { break course }
                    let route: SendRoute =
                        answer == 0
                        ? .postponed(cause: .pacing, delay: .seconds(1))
                        : machine.intent.ambiguousAttempts > 0
                            ? (tried.contains(machine.intent.server) ? .exhausted : .server(machine.intent.server))
                            : servers.isEmpty ? .exhausted : .server(servers[answer % servers.count])
                    step = machine.routed(route, at: now, using: &generator)
                case .send:
                    guard let answer = rest.popFirst() else { break course }
                    #expect(asked.insert(machine.intent.server).inserted, "tried twice")
                    requests += 1
                    let outcome: SendOutcome =
                        [
                            .accepted(providerID: "x"), .unavailable(reason: ""), .refused(reason: ""), .unknown(reason: ""),
                            .postponed(cause: .breaker("a"), delay: .seconds(1)),
                        ][answer]
                    if answer == 3 { doubts += 1 }
                    if answer == 4 { notBegun += 1 }
                    step = machine.sent(outcome, at: now)
                case .reconcile:
                    guard let answer = rest.popFirst() else { break course }
                    step = machine.reconciled(
                        [.found(providerID: "x"), .absent, .unavailable(reason: ""), .absent, .impossible(reason: "")][answer],
                        at: now)
                    // Whatever it was, the one resend may go to the same server.
                    asked = []
                case .wait(let delay, _):
                    now = now.advanced(by: delay)
                    asked = []
                    step = machine.waited(at: now)
                case .done: break
                }
            }
            #expect(machine.intent.ambiguousAttempts == doubts)
            #expect(machine.intent.attempts == requests - notBegun + (step == .send ? 1 : 0))
            #expect(machine.intent.resends <= 1)
            #expect(doubts <= 2)
            #expect(policy != .neverResend || machine.intent.resends == 0)
            #expect(step != .done || machine.intent.state.isFinal)
            #expect(machine.intent.state != .accepted || machine.intent.providerID == "x")
        }
    }
}

extension SendMachine {
    fileprivate mutating func routed(
        _ route: SendRoute = .server(nil), at now: Timestamp = Timestamp(milliseconds: 1_795_176_000_000)
    ) -> Step {
        var generator = SeededGenerator(seed: 1)
        return self.routed(route, at: now, using: &generator)
    }
}
