public import CardumeCore
import Synchronization

/// What the assistants of this process have cost today, against what they may. Reads the journal every few seconds, and only
/// while some assistant has a ceiling.
public final class CostTotals: Sendable {
    /// The day at a place, and how long it lasts yet.
    public typealias Calendar = @Sendable (Timestamp) -> (day: CivilDay, rest: Duration)

    /// One assistant's.
    public struct Rule: Sendable {
        /// In millionths; `nil` for none.
        public var limit: Int64?
        public var calendar: Calendar

        public init(limit: Int64?, calendar: @escaping Calendar) {
            self.limit = limit
            self.calendar = calendar
        }
    }

    private struct Account {
        var calendar: Calendar
        var ceiling: CostCeiling
    }

    private static let interval = Duration.seconds(5)

    private let usage: any UsageReader
    private let clock: any RuntimeClock
    private let accounts = Mutex<[AssistantID: Account]>([:])

    public init(_ usage: any UsageReader, clock: any RuntimeClock) {
        self.usage = usage
        self.clock = clock
    }

    public func update(_ rules: [AssistantID: Rule]) {
        self.accounts.withLock { accounts in
            for (assistant, rule) in rules {
                accounts[assistant, default: Account(calendar: rule.calendar, ceiling: CostCeiling(limit: nil))]
                    .calendar = rule.calendar
                accounts[assistant]?.ceiling.limit = rule.limit
            }
        }
    }

    /// Reads the totals for as long as the task runs. Called once.
    public func run() async {
        repeat { try? await self.refresh() } while (try? await self.clock.sleep(for: Self.interval)) != nil
    }

    /// Reads the totals once, if anybody needs them.
    public func refresh() async throws {
        let (now, start) = (self.clock.wallTime, self.clock.uptime)
        let days = self.accounts.withLock { accounts in
            accounts.filter { $0.value.ceiling.limit != nil }.mapValues { $0.calendar(now).day }
        }
        guard let earliest = days.values.min() else { return }
        let totals = try await self.usage.usage(since: earliest)
        self.accounts.withLock { accounts in
            for (assistant, day) in days {
                let spent = totals.reduce(0) { $1.assistant == assistant && $1.day == day ? $0 + $1.costMicros : $0 }
                accounts[assistant]?.ceiling.read(spent, of: day, begunAt: start)
            }
        }
    }

    /// - Returns: the assistant's day, how long it lasts yet, and whether it has cost what it may.
    func today(of assistant: AssistantID) -> (day: CivilDay?, rest: Duration, isReached: Bool) {
        let now = self.clock.wallTime
        return self.accounts.withLock { accounts in
            guard let account = accounts[assistant] else { return (nil, .zero, false) }
            let (day, rest) = account.calendar(now)
            return (day, rest, account.ceiling.isReached(on: day))
        }
    }

    /// Of assistants that have a ceiling: what they have cost today, and what they may, in millionths.
    public var status: [AssistantID: (spent: Int64, limit: Int64)] {
        let now = self.clock.wallTime
        return self.accounts.withLock { accounts in
            accounts.compactMapValues { account in
                account.ceiling.limit.map { (account.ceiling.spent(on: account.calendar(now).day), $0) }
            }
        }
    }

    func spent(_ usage: TokenUsage, of assistant: AssistantID) {
        guard let day = usage.day else { return }
        self.accounts.withLock { $0[assistant]?.ceiling.spent(usage.costMicros, on: day, at: self.clock.uptime) }
    }
}

/// An assistant's model as far as its day's cost allows.
public struct CostLimitedModel: LanguageModel {
    /// The longest that a turn is put off before the ceiling is looked at again: it may have been raised.
    private static let longestPause = Duration.seconds(60)

    private let model: any LanguageModel
    private let totals: CostTotals
    private let policy: CostLimitPolicy
    private let message: String

    /// - Parameter message: what ``CostLimitPolicy/message`` says; empty for no reply.
    public init(_ model: any LanguageModel, totals: CostTotals, policy: CostLimitPolicy, message: String) {
        self.model = model
        self.totals = totals
        self.policy = policy
        self.message = message
    }

    public func complete(_ request: ModelRequest) async throws -> ModelResponse {
        let (day, rest, isReached) = self.totals.today(of: request.assistant)
        var request = request
        if isReached {
            switch self.policy {
            case .smaller: request.largestTier = .small
            case .message: return ModelResponse(text: self.message)
            case .pause:
                throw TurnPostponement(
                    .budget("daily cost of \(request.assistant)"), delay: min(rest, Self.longestPause))
            }
        }
        var response = try await self.model.complete(request)
        response.usage?.day = day
        if let usage = response.usage { self.totals.spent(usage, of: request.assistant) }
        return response
    }
}
