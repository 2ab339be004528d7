import CardumeCore
import Testing

@Suite struct ScalingSignalTests {
    private static let queue: QueueID = "suporte"
    private static let now = Timestamp(milliseconds: 1_795_176_000_000)

    private static func pool(_ queues: Set<QueueID> = [Self.queue], slots: Int = 10) -> ScalingPool {
        ScalingPool(name: "default", queues: queues, slotsPerPod: slots)
    }

    private static func member(_ name: String, _ reports: [QueueID: QueueReport], running: Int = 0) -> Member {
        let load = Dictionary(grouping: reports, by: { $0.key.assistant }).mapValues {
            TurnLoad(running: running, waiting: 0, queues: Dictionary(uniqueKeysWithValues: $0.map { ($0.key, $0.value) }))
        }
        return Member(id: Member.ID(name), queues: Set(reports.keys), load: load)
    }

    private static func report(
        running: Int = 0, waiting: Int = 0, messages: Int? = nil, turn: Double? = 2, excluded: [Exclusion: (Int, Int)] = [:]
    ) -> QueueReport {
        let shares = excluded.mapValues { QueueReport.Share(conversations: $0.0, messages: $0.1) }
        let messages = messages ?? waiting
        return QueueReport(
            running: running, known: running + messages + shares.values.reduce(0) { $0 + $1.messages },
            waiting: .init(conversations: waiting, messages: messages), excluded: shares,
            turn: turn.map { TurnMean(seconds: $0, weight: 1) })
    }

    private static func signal(
        _ members: [Member], depth: Int? = nil, pool: ScalingPool = Self.pool(), unreported: [QueueID: Timestamp] = [:]
    ) -> ScalingSignal {
        let known = members.flatMap { $0.load.values.flatMap(\.queues.values) }.reduce(0) { $0 + $1.known }
        return ScalingSignal(
            pool, ScalingState(depths: [Self.queue: depth ?? known], members: members, unreported: unreported, at: Self.now))
    }

    @Test func demandIsWhatRunsAndWhatMustStart() {
        let signal = Self.signal([
            Self.member("a", [Self.queue: Self.report(running: 5, waiting: 60)]),
            Self.member("b", [Self.queue: Self.report(running: 3, waiting: 90)]),
        ])
        #expect(signal.inFlight == 8 && signal.waitingMessages == 150 && signal.waitingConversations == 150)
        // 150 messages of 2 s each within 30 s.
        #expect(signal.demandSlots == 8 + 10)
        #expect(signal.suggestedPods == 3, "18 slots, 8 of each pod's 10")
        #expect(signal.pods == 2 && signal.unknown.isEmpty)
        #expect(
            signal.verdict == "scale: yes, from 2 to 3; 18.0 of 20 slots are asked for, 150 messages of 150 conversations wait")
    }

    /// One conversation with ten thousand messages takes one slot.
    @Test func aConversationTakesOneSlot() {
        let signal = Self.signal([Self.member("a", [Self.queue: Self.report(waiting: 1, messages: 10_000)])])
        #expect(signal.waitingMessages == 10_000)
        #expect(signal.demandSlots == 1)
        #expect(signal.suggestedPods == 1)
    }

    @Test func meansAreWeighed() {
        var (quick, slow) = (Self.report(), Self.report())
        quick.turn = TurnMean(seconds: 1, weight: 30)
        slow.turn = TurnMean(seconds: 9, weight: 10)
        let signal = Self.signal([Self.member("a", [Self.queue: quick]), Self.member("b", [Self.queue: slow])])
        #expect(signal.meanTurnSeconds == 3)
    }

    /// Messages of partitions that nobody owns, or that nobody has read yet.
    @Test func whatNobodyKnowsCountsFromTheLog() {
        let oldest = Self.now.advanced(by: .seconds(-42))
        let nobody = Self.signal([], depth: 600, unreported: [Self.queue: oldest])
        #expect(nobody.waitingMessages == 600 && nobody.meanTurnSeconds == nil)
        #expect(nobody.demandSlots == 100, "600 messages of an assumed 5 s within 30 s")
        #expect(nobody.oldestSeconds == 42)
        #expect(nobody.pods == 0)
        #expect(nobody.verdict == "scale: yes, from 0 to 13; nobody serves this pool, 600 messages of 600 conversations wait")
        let some = Self.signal([Self.member("a", [Self.queue: Self.report(running: 4, waiting: 6)])], depth: 310)
        #expect(some.waitingMessages == 306)
        let fewer = Self.signal([Self.member("a", [Self.queue: Self.report(running: 4, waiting: 6)])], depth: 3)
        #expect(fewer.waitingMessages == 6, "settled since the report")
    }

    @Test func whatNoPodSpeedsUpIsLeftOut() {
        let report = Self.report(running: 2, excluded: [.budget: (40, 60), .held: (1, 500)])
        let signal = Self.signal([Self.member("a", [Self.queue: report])])
        #expect(signal.demandSlots == 2 && signal.waitingMessages == 0)
        #expect(signal.excluded[.budget]?.slots == 4)
        #expect(signal.excluded[.held]?.slots == 1)
        #expect(signal.verdict == "scale: no; the model budget is the limit: 40 conversations wait for the model budget")
    }

    @Test func theVerdictSaysBoth() {
        let report = Self.report(running: 20, waiting: 30, excluded: [.breaker: (100, 100)])
        let signal = Self.signal([Self.member("a", [Self.queue: report])])
        #expect(signal.verdict.hasPrefix("scale: yes, from 1 to 3; "))
        #expect(
            signal.verdict.hasSuffix("besides, 100 conversations wait for an open circuit breaker, which no pod can speed up"))
    }

    @Test func fewerPodsMayDo() {
        let signal = Self.signal(["a", "b", "c"].map { Self.member($0, [Self.queue: Self.report(running: 1)]) })
        #expect(signal.suggestedPods == 1)
        #expect(signal.verdict == "scale: no; 3.0 of 30 slots are asked for, 1 of 3 pods would do")
    }

    /// A member that has not looked lately says only how many turns it runs; the log says the rest.
    @Test func staleReportsAreUnknownAndSaidSo() {
        var stale = Self.report(running: 3, waiting: 50)
        stale.age = QueueReport.lifetime.seconds + 1
        let signal = Self.signal([Self.member("a", [Self.queue: stale], running: 4)], depth: 54)
        #expect(signal.unknown == ["a"])
        #expect(signal.inFlight == 4)
        #expect(signal.waitingMessages == 50)
        #expect(signal.pods == 1)
        #expect(signal.verdict.hasSuffix("1 pod did not say lately what it has to do"))
        let silent = Member(
            id: "b", queues: [Self.queue], load: [Self.queue.assistant: TurnLoad(running: 7, waiting: 0)])
        #expect(Self.signal([silent], depth: 7).unknown == ["b"])
        #expect(Self.signal([silent], depth: 7).inFlight == 7)
    }

    /// It serves nothing any more, and goes on with what it has.
    @Test func aLeavingMemberIsNoPodAndItsTurnsCount() {
        var member = Self.member("a", [Self.queue: Self.report(running: 6)])
        member.queues = []
        let signal = Self.signal([member])
        #expect(signal.pods == 0 && signal.inFlight == 6 && signal.unknown.isEmpty)
    }

    @Test func poolsAreApart() {
        let heavy: QueueID = "suporte@heavy"
        let members = [
            Self.member("a", [Self.queue: Self.report(running: 1)]), Self.member("b", [heavy: Self.report(running: 9)]),
        ]
        #expect(Self.signal(members).inFlight == 1)
        let other = Self.signal(members, pool: Self.pool([heavy]))
        #expect(other.inFlight == 9 && other.pods == 1)
    }

    @Test func queuesWithoutReportAreNamed() {
        let members = [Self.member("a", [Self.queue: Self.report(), "vendas": Self.report(waiting: 1)])]
        let state = ScalingState(depths: [Self.queue: 3, "vendas": 3, "outra": 0], members: members, at: Self.now)
        #expect(state.queuesWithoutReport == [Self.queue])
    }

    @Test func reportsAreMerged() {
        var report = QueueReport()
        report.wait(messages: 2, since: Timestamp(milliseconds: 20))
        report.wait(messages: 1, since: nil)
        report.exclude(.paused, messages: 4)
        var other = QueueReport()
        other.wait(messages: 1, since: Timestamp(milliseconds: 10))
        other.exclude(.paused, messages: 1)
        report.merge(other)
        #expect(report.waiting == .init(conversations: 3, messages: 4))
        #expect(report.oldest == Timestamp(milliseconds: 10))
        #expect(report.excluded == [.paused: .init(conversations: 2, messages: 5)])
    }

    @Test func theMeanFollowsAndForgets() {
        var mean = TurnMean(seconds: 0, weight: 0)
        mean.ended(10, total: .seconds(20), after: .seconds(2))
        #expect(mean.seconds == 2)
        mean.ended(0, total: .zero, after: .seconds(3_600))
        #expect(mean.seconds == 2, "nothing new is no news")
        #expect(mean.weight < 1)
        mean.ended(10, total: .seconds(80), after: .seconds(2))
        #expect(mean.seconds > 7.8, "an hour later the latest count")
        #expect(TurnMean.mean(of: []) == nil)
        #expect(TurnMean.mean(of: [TurnMean(seconds: 1, weight: 0), TurnMean(seconds: 3, weight: 0)]) == 2)
    }
}
