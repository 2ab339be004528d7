import Testing

@testable import CardumeRuntime

@Suite struct LineLimitTests {
    @Test func theFirstOfEachPeriodIsWrittenAndTheOthersAreCounted() {
        let limit = LineLimit(every: .seconds(1))
        let start = ContinuousClock.now
        #expect(limit.admit(at: start) == 0)
        for step in 1...9 { #expect(limit.admit(at: start + .milliseconds(100 * step)) == nil) }
        #expect(limit.admit(at: start + .seconds(1)) == 9)
        #expect(limit.admit(at: start + .milliseconds(1_999)) == nil)
        #expect(limit.admit(at: start + .seconds(5)) == 1)
        #expect(limit.admit(at: start + .seconds(10)) == 0)
    }
}
