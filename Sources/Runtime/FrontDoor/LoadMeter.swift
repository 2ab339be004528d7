public import CardumeCore
import Synchronization

/// Knows how much there is to do, here and in all other processes. Doors refuse by it, headers show it.
public final class LoadMeter: Sendable {
    private struct State {
        var board: LoadBoard
        var depths: [AssistantID: Int] = [:]
        var inFlight: [AssistantID: Int] = [:]
        /// Who did not answer at the last look.
        var failure: String? = "not measured yet"
    }

    private static let interval: Duration = .seconds(1)
    /// Looking may take this part of the time: a long queue in a file takes long to count.
    private static let share = 0.05
    private static let longestPause: Duration = .seconds(10)

    private let state: Mutex<State>
    private let depths: @Sendable () async throws -> [AssistantID: Int]
    private let inFlight: @Sendable () async throws -> [AssistantID: Int]

    /// - Parameters:
    ///   - depths: unsettled messages (``PartitionLog/depths()``).
    ///   - inFlight: turns that run or wait for a slot, in all processes.
    public init(
        _ capacities: LoadCapacities, depths: @escaping @Sendable () async throws -> [AssistantID: Int],
        inFlight: @escaping @Sendable () async throws -> [AssistantID: Int]
    ) {
        self.state = Mutex(State(board: LoadBoard(capacities)))
        self.depths = depths
        self.inFlight = inFlight
    }

    // MARK: What it shows

    /// The highest level that any assistant has, or all together.
    public var level: LoadLevel { self.board.overall.level }

    /// An assistant's own level, or that of all together when it is higher.
    public func level(of assistant: AssistantID) -> LoadLevel { self.board[assistant].level }

    /// All of it, as it was measured last. Before the first measurement, and while nobody can be asked, the last levels stand.
    public var board: LoadBoard { self.state.withLock { $0.board } }

    /// Why the figures are not those of the latest second; `nil` when they are.
    public var staleness: String? {
        self.state.withLock { $0.failure }
    }

    // MARK: What it does

    /// From now on these count.
    public func update(_ capacities: LoadCapacities) {
        self.state.withLock { $0.board.update(capacities) }
    }

    /// Measures each second, or as seldom as every ten when that takes long, until the task is cancelled.
    public func run() async {
        let clock = ContinuousClock()
        while !Task.isCancelled {
            let elapsed = await clock.measure { await self.measure() }
            let pause = Self.pause(after: elapsed, isComplete: self.staleness == nil)
            guard (try? await clock.sleep(for: pause)) != nil else { return }
        }
    }

    /// How long to the next look.
    ///
    /// - Parameters:
    ///   - elapsed: what the latest one took.
    ///   - isComplete: whether everybody answered. Waiting for one who does not is no work, and his return is not to be missed.
    static func pause(after elapsed: Duration, isComplete: Bool) -> Duration {
        isComplete ? min(max(self.interval, elapsed / self.share), self.longestPause) : self.interval
    }

    /// Looks once. Of those who do not answer, what they said last stands; the others count: a queue may grow because nobody
    /// works.
    public func measure() async {
        var failure: String?
        do {
            let depths = try await self.depths()
            self.state.withLock { $0.depths = depths }
        } catch {
            failure = "\(error)"
        }
        do {
            let inFlight = try await self.inFlight()
            self.state.withLock { $0.inFlight = inFlight }
        } catch {
            failure = failure ?? "\(error)"
        }
        self.state.withLock { state in
            var demands = state.depths.mapValues { LoadDemand(depth: $0) }
            for (assistant, turns) in state.inFlight { demands[assistant, default: LoadDemand()].inFlight = turns }
            state.board.measured(demands)
            state.failure = failure
        }
    }
}

extension [Member] {
    /// Turns that run or wait for a slot, of all members together.
    public var inFlight: [AssistantID: Int] {
        self.reduce(into: [:]) { sums, member in
            for (assistant, load) in member.load { sums[assistant, default: 0] += load.inFlight }
        }
    }
}
