import CardumeCore
import Testing

@Suite struct ConsumptionWatchTests {
    private static let partition = Partition.ID(assistant: "suporte", number: 3)

    private static func reader(
        at cursor: UInt64 = 10, epoch: Int64 = 1, isWaiting: Bool = true
    ) -> ConsumptionWatch.Reader {
        ConsumptionWatch.Reader(
            fence: Fence(Self.partition, Epoch(rawValue: epoch)), cursor: LogOffset(major: cursor), isWaiting: isWaiting)
    }

    private var watch = ConsumptionWatch()
    private var now: Duration = .zero

    /// Looks once, two seconds later.
    private mutating func look(_ reader: ConsumptionWatch.Reader?, isBehind: Bool? = true) -> [Fence] {
        self.now += .seconds(2)
        return self.watch.looked(
            [reader].compactMap(\.self), behind: isBehind.map { $0 ? [Self.partition] : [] }, at: self.now)
    }

    @Test mutating func aReaderThatStaysBehindIsStartedAgainWithinTenSeconds() {
        #expect(self.look(Self.reader()) == [])
        #expect(self.look(Self.reader()) == [])
        #expect(self.look(Self.reader()) == [Self.reader().fence])
        #expect(self.now < .seconds(10))
        #expect(self.watch.restarted == [Self.partition] && self.watch.stuck.isEmpty)
    }

    @Test mutating func oneThatGoesOnIsNotSuspected() {
        for cursor in 1...50 { #expect(self.look(Self.reader(at: UInt64(cursor))) == []) }
        #expect(self.watch.restarted.isEmpty)
    }

    /// It has read all there is, or is busy with what it has read.
    @Test mutating func oneThatHasNothingToReadIsNotSuspected() {
        for _ in 1...50 { #expect(self.look(Self.reader(), isBehind: false) == []) }
        for _ in 1...50 { #expect(self.look(Self.reader(isWaiting: false), isBehind: false) == []) }
    }

    /// A log that does not answer says nothing about its readers.
    @Test mutating func anOutageSuspectsNobody() {
        _ = self.look(Self.reader())
        for _ in 1...100 { #expect(self.look(Self.reader(), isBehind: nil) == []) }
        #expect(self.look(Self.reader()) == [], "the time of the outage does not count")
        #expect(self.watch.stuck.isEmpty && self.watch.restarted.isEmpty)
    }

    @Test mutating func whenStartingAgainDoesNotHelpTheProcessIsNotWorthKeeping() {
        var restarts = 0
        for _ in 1...100 where self.watch.stuck.isEmpty {
            // Each restart has another epoch, and reads from the start.
            let reader = Self.reader(at: restarts == 0 ? 10 : 0, epoch: Int64(restarts + 1))
            guard !self.look(reader).isEmpty else { continue }
            restarts += 1
            // While it is being closed it waits for nothing.
            _ = self.look(Self.reader(at: 0, epoch: Int64(restarts), isWaiting: false), isBehind: false)
        }
        #expect(restarts == ConsumptionWatch.restartLimit + 1)
        #expect(self.watch.stuck == [Self.partition])
        // It goes on after all.
        _ = self.look(Self.reader(at: 11, epoch: 9), isBehind: false)
        #expect(self.watch.stuck.isEmpty && self.watch.restarted.isEmpty)
    }

    @Test mutating func aRestartThatHelpsIsForgotten() {
        for _ in 1...3 { _ = self.look(Self.reader()) }
        #expect(self.watch.restarted == [Self.partition])
        _ = self.look(nil)
        #expect(self.watch.restarted == [Self.partition], "between being closed and opened again")
        _ = self.look(Self.reader(at: 12, epoch: 2), isBehind: false)
        #expect(self.watch.restarted.isEmpty)
    }

    @Test mutating func whatOthersHaveTakenIsTheirs() {
        for _ in 1...3 { _ = self.look(Self.reader()) }
        for _ in 1...20 { _ = self.look(nil, isBehind: false) }
        #expect(self.watch.restarted.isEmpty)
    }

    /// One of whom nothing was heard for a while is not suspected for that time.
    @Test mutating func silenceIsNoSign() {
        _ = self.look(Self.reader())
        for _ in 1...10 { #expect(self.look(nil) == []) }
        #expect(self.look(Self.reader()) == [])
        #expect(self.look(Self.reader()) == [])
        #expect(self.look(Self.reader()) == [Self.reader().fence])
    }

    @Test func onlyThoseWhoWaitAreAskedAbout() {
        let watch = ConsumptionWatch()
        #expect(watch.candidates([Self.reader(isWaiting: false)]).isEmpty)
        #expect(watch.candidates([Self.reader(at: 7)]) == [Self.partition: LogOffset(major: 7)])
    }
}
