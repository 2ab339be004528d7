import CardumeCore
import Testing

@Suite struct TimerPlanTests {
    private static let noon = Timestamp(milliseconds: 1_795_176_000_000)

    private static let plan = TimerPlan([
        TimerRule(name: "auto_close", delay: .seconds(1_200), text: "Vou encerrar por aqui.", closes: true),
        TimerRule(name: "nps", trigger: .closing, delay: .seconds(60), text: "De 0 a 10, que nota você nos dá?"),
        TimerRule(name: "follow_up", delay: .seconds(600), text: "Ainda está aí?", lateness: .seconds(300)),
        TimerRule(name: "thanks", trigger: .closing, delay: .seconds(3_600), text: "Obrigado!"),
    ])

    private static let message = InboundMessage(
        id: "M", conversation: "loja:1", text: "oi", receivedAt: Self.noon, contactName: "Ana", replyAddress: "1@s",
        traceID: "t")

    /// Rules and times, in seconds after noon, of what happens when nobody ever writes again.
    private static func course(_ plan: TimerPlan, late: Duration = .zero) throws -> [String] {
        var message = Self.message
        var now = Self.noon.advanced(by: .seconds(5))
        var course: [String] = []
        while let timer = plan.next(after: message, at: now) {
            try #require(course.count < 10, "it never ends")
            now = timer.firing.dueAt.advanced(by: late)
            message = timer.message(at: now)
            course.append("\(timer.firing.rule) \(now.elapsed(since: Self.noon).components.seconds)")
        }
        return course
    }

    @Test func oneComesAfterTheOther() throws {
        #expect(try Self.course(Self.plan) == ["follow_up 605", "auto_close 1205", "nps 1265", "thanks 4805"])
    }

    /// Times are written down in milliseconds.
    @Test func aRuleNeverFollowsItself() throws {
        let plan = TimerPlan([TimerRule(name: "a", delay: .microseconds(2_000_900)), TimerRule(name: "b", delay: .seconds(3))])
        #expect(try Self.course(plan) == ["a 7", "b 8"])
    }

    /// Silences are counted from their beginning, closings from when they happened.
    @Test func lateOnesDoNotPileUp() throws {
        #expect(
            try Self.course(Self.plan, late: .seconds(30)) == ["follow_up 635", "auto_close 1235", "nps 1325", "thanks 4865"])
    }

    @Test func withoutRulesThereAreNone() {
        #expect(TimerPlan([]).isEmpty)
        #expect(TimerPlan([]).next(after: Self.message, at: Self.noon) == nil)
        let closing = TimerPlan([TimerRule(name: "nps", trigger: .closing, delay: .seconds(1), text: "?")])
        #expect(closing.next(after: Self.message, at: Self.noon) == nil)
    }

    @Test func rulesOfTheSameTimeComeByName() throws {
        let plan = TimerPlan(["b", "c", "a"].map { TimerRule(name: $0, delay: .seconds(10), text: "?") })
        #expect(try Self.course(plan) == ["a 15", "b 15", "c 15"])
    }

    @Test func aMessageKnowsItsRuleAndItsAddress() throws {
        let timer = try #require(Self.plan.next(after: Self.message, at: Self.noon))
        let fired = timer.message(at: timer.firing.dueAt)
        #expect(fired.kind == .system)
        #expect(fired.conversation == Self.message.conversation)
        #expect(fired.replyAddress == "1@s")
        #expect(fired.id == timer.message(at: timer.firing.dueAt.advanced(by: .seconds(9))).id, "one that fires twice is known")
        #expect(Self.plan.rule(of: fired)?.name == "follow_up")
        #expect(Self.plan.text(for: fired) == "Ainda está aí?")
        #expect(Self.plan.sessionEnd(after: fired) == nil)
        #expect(Self.plan.rule(of: Self.message) == nil)
    }

    @Test func whatIsTooLateIsNotSaidButStillCloses() throws {
        let first = try #require(Self.plan.next(after: Self.message, at: Self.noon))
        #expect(Self.plan.text(for: first.message(at: first.firing.dueAt.advanced(by: .seconds(300)))) != nil)
        #expect(Self.plan.text(for: first.message(at: first.firing.dueAt.advanced(by: .seconds(301)))) == nil)
        let second = try #require(Self.plan.next(after: first.message(at: first.firing.dueAt), at: first.firing.dueAt))
        let late = second.message(at: second.firing.dueAt.advanced(by: .seconds(7_200)))
        #expect(Self.plan.text(for: late) == nil)
        #expect(Self.plan.sessionEnd(after: late) == SessionEnd(conversation: "loja:1", contactWroteAt: Self.noon))
    }

    /// A rule that was taken out of the configuration says nothing; those after it still come.
    @Test func aRuleThatIsGoneIsPassedOver() throws {
        let first = try #require(Self.plan.next(after: Self.message, at: Self.noon))
        let fired = first.message(at: first.firing.dueAt)
        let shorter = TimerPlan([TimerRule(name: "auto_close", delay: .seconds(1_200), closes: true)])
        #expect(shorter.text(for: fired) == nil)
        #expect(shorter.sessionEnd(after: fired) == nil)
        #expect(shorter.next(after: fired, at: first.firing.dueAt)?.firing.rule == "auto_close")
    }
}
