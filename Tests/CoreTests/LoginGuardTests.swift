import CardumeCore
import Testing

@Suite struct LoginGuardTests {
    private static let policy = LoginGuard.Policy(attempts: 3, window: .seconds(60))

    @Test func aPairWaitsAfterItsFailuresAndNoLongerThanTheWindow() {
        var watch = LoginGuard()
        for second in 0..<3 {
            #expect(watch.wait("ana", from: "1", Self.policy, at: .seconds(second)) == nil)
            watch.failed("ana", from: "1", Self.policy, at: .seconds(second))
        }
        #expect(watch.wait("ana", from: "1", Self.policy, at: .seconds(10)) == .seconds(50))
        #expect(watch.wait("ana", from: "2", Self.policy, at: .seconds(10)) == nil, "another address")
        #expect(watch.wait("rui", from: "1", Self.policy, at: .seconds(10)) == nil, "another user")
        #expect(watch.wait("ana", from: "1", Self.policy, at: .seconds(60)) == nil, "the oldest is forgotten")
        watch.failed("ana", from: "1", Self.policy, at: .seconds(60))
        #expect(watch.wait("ana", from: "1", Self.policy, at: .seconds(60)) == .seconds(1))
    }

    @Test func aSuccessForgetsThePair() {
        var watch = LoginGuard()
        for _ in 0..<2 { watch.failed("ana", from: "1", Self.policy, at: .zero) }
        watch.succeeded("ana", from: "1")
        for _ in 0..<2 { watch.failed("ana", from: "1", Self.policy, at: .zero) }
        #expect(watch.wait("ana", from: "1", Self.policy, at: .zero) == nil)
    }

    @Test func manyUsersFromOneAddressAndOneUserFromMany() {
        var watch = LoginGuard()
        for number in 0..<12 { watch.failed("u\(number)", from: "1", Self.policy, at: .zero) }
        #expect(watch.wait("somebody", from: "1", Self.policy, at: .seconds(1)) == .seconds(59))
        #expect(watch.wait("somebody", from: "2", Self.policy, at: .seconds(1)) == nil)
        for number in 0..<60 { watch.failed("ana", from: "a\(number)", Self.policy, at: .zero) }
        #expect(watch.wait("ana", from: "elsewhere", Self.policy, at: .seconds(1)) == .seconds(59))
    }

    /// Guesses that get through in an hour, from any mix of users and addresses, are as few as the limits say.
    @Test func guessesAreBounded() {
        var generator = SystemRandomNumberGenerator()
        var watch = LoginGuard()
        var tries: [String: Int] = [:]
        for tenth in 0..<36_000 {
            let now = Duration.milliseconds(100 * tenth)
            let address = ["1", "2"].randomElement(using: &generator) ?? "1"
            guard watch.wait("ana", from: address, Self.policy, at: now) == nil else { continue }
            watch.failed("ana", from: address, Self.policy, at: now)
            tries[address, default: 0] += 1
        }
        // Three in each minute, from each of the two.
        #expect(tries.values.allSatisfy { (170...180).contains($0) }, "\(tries)")
    }
}

@Suite struct ReplayPacerTests {
    /// Over any second, no more than the rate goes, however irregularly it is asked.
    @Test(arguments: [0.5, 1, 7, 50, 1_000])
    func keepsTheRate(_ rate: Double) {
        var generator = SystemRandomNumberGenerator()
        var pacer = ReplayPacer()
        var gone: [(at: Int, count: Int)] = []
        var now = 0
        while now < 60_000 {
            let count = pacer.allowance(rate, at: .milliseconds(now))
            pacer.used(count)
            gone.append((now, count))
            now += Int.random(in: 1...400, using: &generator)
        }
        let total = gone.reduce(0) { $0 + $1.count }
        #expect(Double(total) >= rate * 60 * 0.5 - 1 && Double(total) <= rate * 60 + max(1, rate / 5) + 1, "\(total)")
        for start in stride(from: 0, to: 59_000, by: 250) {
            let inSecond = gone.filter { (start..<start + 1_000).contains($0.at) }.reduce(0) { $0 + $1.count }
            #expect(Double(inSecond) <= rate + max(1, rate / 5) + 1, "\(inSecond) from \(start)")
        }
    }
}

@Suite struct AdminRoleTests {
    @Test func eachMayDoWhatThoseBeforeItMay() {
        #expect(AdminRole.allCases.sorted() == [.viewer, .operator, .admin])
        #expect(AdminRole.viewer < .operator && AdminRole.operator < .admin && AdminRole.viewer < .admin)
    }
}
