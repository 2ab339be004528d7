import CardumeTesting
import Testing

@testable import CardumeLoadtest

@Suite struct ScheduleTests {
    private static func times(
        _ arrivals: ArrivalProcess, rate: Double, seconds: Double, seed: UInt64 = 3
    ) -> [Double] {
        var schedule = LoadSchedule(TrafficProfile(), arrivals: arrivals, maximumOpen: 100_000, seed: seed)
        schedule.begin(LoadStep(name: "", rate: rate, seconds: seconds), at: 0)
        var times: [Double] = []
        while let next = schedule.next() { times.append(next.time) }
        return times
    }

    @Test func constantArrivalsHaveEqualDistances() {
        let times = Self.times(.constant, rate: 50, seconds: 10)
        #expect((499...500).contains(times.count))
        #expect(zip(times, times.dropFirst()).allSatisfy { abs($1 - $0 - 0.02) < 1e-9 })
    }

    /// A Poisson process: counts in equal stretches have their mean as their variance, and gaps forget the one before.
    @Test func poissonArrivalsAreIndependent() {
        let times = Self.times(.poisson, rate: 100, seconds: 2_000)
        #expect((199_000...201_000).contains(times.count))
        var counts = Array(repeating: 0.0, count: 2_000)
        for time in times { counts[Int(time)] += 1 }
        let mean = counts.reduce(0, +) / 2_000
        let variance = counts.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 1_999
        #expect(abs(variance / mean - 1) < 0.15, "index of dispersion \(variance / mean)")
        let gaps = zip(times, times.dropFirst()).map { $1 - $0 }
        let long = gaps.count { $0 > 0.01 }
        #expect(abs(Double(long) / Double(gaps.count) - 0.3679) < 0.01, "e to the -1 of the gaps exceed their mean")
        let after = zip(gaps, gaps.dropFirst()).filter { $0.0 > 0.01 }.count { $0.1 > 0.01 }
        #expect(abs(Double(after) / Double(long) - 0.3679) < 0.01, "whatever the gap before was")
    }

    @Test func theSameSeedGivesTheSameSchedule() {
        #expect(Self.times(.poisson, rate: 20, seconds: 30) == Self.times(.poisson, rate: 20, seconds: 30))
        #expect(Self.times(.poisson, rate: 20, seconds: 30) != Self.times(.poisson, rate: 20, seconds: 30, seed: 4))
    }

    @Test func stepsFollowEachOtherWithTheirRates() {
        var schedule = LoadSchedule(TrafficProfile(), arrivals: .poisson, maximumOpen: 1_000, seed: 1)
        var counts: [Int] = []
        for (number, rate) in [100.0, 0, 400].enumerated() {
            schedule.begin(LoadStep(name: "", rate: rate, seconds: 60), at: Double(number) * 60)
            var count = 0
            while let (message, time) = schedule.next() {
                #expect(message.step == number)
                #expect((Double(number) * 60..<Double(number + 1) * 60).contains(time))
                count += 1
            }
            counts.append(count)
        }
        #expect((5_700...6_300).contains(counts[0]))
        #expect(counts[1] == 0)
        #expect((23_400...24_600).contains(counts[2]))
        #expect(schedule.count == counts.reduce(0, +))
    }
}

@Suite struct ConversationTrafficTests {
    private static func lines(
        _ profile: TrafficProfile = TrafficProfile(), rate: Double = 100, count: Int = 100_000, maximumOpen: Int = 1_000_000
    ) -> (lines: [ConversationTraffic.Line], open: [Int], begun: Int) {
        var traffic = ConversationTraffic(profile, maximumOpen: maximumOpen, seed: 11)
        var open: [Int] = []
        let lines = (0..<count).map { number in
            open.append(traffic.openCount)
            return traffic.next(at: Double(number) / rate)
        }
        return (lines, open, traffic.begun)
    }

    @Test func kindsAndAssistantsComeByWeight() {
        let lines = Self.lines().lines
        func share(_ isMeant: (ConversationTraffic.Line) -> Bool) -> Double {
            Double(lines.count(where: isMeant)) / Double(lines.count)
        }
        #expect(abs(share { $0.kind == .text } - 0.78) < 0.01)
        #expect(abs(share { $0.kind == .audio } - 0.15) < 0.01)
        #expect(abs(share { $0.kind == .image } - 0.05) < 0.005)
        #expect(abs(share { $0.kind == .document } - 0.02) < 0.005)
        #expect(abs(share { $0.assistant == "suporte" } - 0.35) < 0.02)
        #expect(abs(share { $0.assistant == "ouvidoria" } - 0.05) < 0.02)
        #expect(share { $0.isMeta } == 0)
    }

    @Test func aConversationKeepsItsAssistantAndCountsItsMessages() {
        var assistants: [Int: Set<String>] = [:]
        var positions: [Int: Int] = [:]
        for line in Self.lines().lines {
            assistants[line.conversation, default: []].insert(line.assistant)
            #expect(line.position == positions[line.conversation, default: 0])
            positions[line.conversation, default: 0] += 1
        }
        #expect(assistants.values.allSatisfy { $0.count == 1 })
        #expect(assistants.count > 10_000)
    }

    @Test func conversationsAreAsLongAsTheyShouldBe() {
        let (lines, _, _) = Self.lines()
        var lengths: [Int: Int] = [:]
        // Those that began early have ended.
        for line in lines { lengths[line.conversation, default: 0] += 1 }
        let whole = lengths.filter { $0.key < 2_000 }.values
        let mean = Double(whole.reduce(0, +)) / Double(whole.count)
        #expect(abs(mean - 8) < 0.6, "\(mean) messages, cut off at 40")
        #expect(whole.max() ?? 0 <= 40)
        #expect(whole.contains(1))
    }

    /// A contact types quickly or thinks for long: gaps are two kinds of log-normal times, and never shorter than drawn.
    @Test func contactsWriteInBursts() {
        let (lines, _, _) = Self.lines()
        var latest: [Int: Int] = [:]
        var gaps: [Double] = []
        for (number, line) in lines.enumerated() {
            if let before = latest[line.conversation] { gaps.append(Double(number - before) / 100) }
            latest[line.conversation] = number
        }
        let typed = Double(gaps.count { $0 < 6 }) / Double(gaps.count)
        // Of 1.6 messages in a burst, 0.6 follow by typing; 95 % of these within 6 s; few thoughts are as short.
        #expect((0.36...0.55).contains(typed), "\(typed)")
        let mean = gaps.reduce(0, +) / Double(gaps.count)
        #expect(abs(mean / TrafficProfile().meanGap - 1) < 0.1, "\(mean) s, expected \(TrafficProfile().meanGap)")
    }

    @Test(arguments: [500, 5_000]) func asManyAreOpenAsWasAskedFor(conversations: Int) {
        let profile = TrafficProfile().paced(conversations: conversations, rate: 100)
        #expect(abs(profile.meanGap * 100 / Double(conversations) - 1) < 0.01)
        let open = Self.lines(profile).open.suffix(20_000)
        let mean = Double(open.reduce(0, +)) / Double(open.count)
        #expect(abs(mean / Double(conversations) - 1) < 0.15, "\(mean) open")
    }

    @Test func noMoreAreOpenThanAllowed() {
        let (_, open, begun) = Self.lines(count: 20_000, maximumOpen: 50)
        #expect(open.max() == 50)
        #expect(begun > 1_000, "conversations end, and others begin")
    }
}
