import Testing

@testable import CardumeRuntime

@Suite struct LoadMeterTests {
    /// Looking costs a twentieth of the time at most; waiting for one who does not answer is no look.
    @Test(
        arguments: [
            (.milliseconds(3), true, .seconds(1)), (.milliseconds(200), true, .seconds(4)), (.seconds(5), true, .seconds(10)),
            (.milliseconds(3), false, .seconds(1)), (.seconds(5), false, .seconds(1)),
        ] as [(Duration, Bool, Duration)])
    func pauses(_ elapsed: Duration, _ isComplete: Bool, _ pause: Duration) {
        #expect(LoadMeter.pause(after: elapsed, isComplete: isComplete) == pause)
    }
}
