import CardumeCore
import HTTPTypes
import Hummingbird

/// `/autoscaling/v1`: what autoscalers ask, of any process.
public struct ScalingAPI: Sendable {
    private let board: ScalingBoard

    public init(board: ScalingBoard) {
        self.board = board
    }

    var routes: [(path: RouterPath, handlers: [HTTPRequest.Method: HTTPGateway.Handler])] {
        [("/autoscaling/v1/pools", [.get: self.showPools])]
    }

    private struct Answer: Encodable {
        let ageSeconds: Double
        let pools: [String: Pool]
    }

    private struct Pool: Encodable {
        struct Excluded: Encodable {
            let slots: Double
            let conversations: Int
            let messages: Int
        }

        let demandSlots: Double
        let inFlight: Int
        let waitingMessages: Int
        let waitingConversations: Int
        let oldestSeconds: Double
        /// Missing when no process has had a turn; then the demand is reckoned with the assumed one.
        let meanTurnSeconds: Double?
        let assumedTurnSeconds: Double?
        let drainTargetSeconds: Double
        /// By reason.
        let excluded: [String: Excluded]
        let slotsPerPod: Int
        let pods: Int
        /// Names of processes that did not say lately what they have to do.
        let unknownPods: [String]
        let suggestedPods: Int
        let verdict: String

        init(_ signal: ScalingSignal) {
            self.demandSlots = Self.rounded(signal.demandSlots)
            self.inFlight = signal.inFlight
            self.waitingMessages = signal.waitingMessages
            self.waitingConversations = signal.waitingConversations
            self.oldestSeconds = Self.rounded(signal.oldestSeconds)
            self.meanTurnSeconds = signal.meanTurnSeconds.map(Self.rounded)
            self.assumedTurnSeconds = signal.meanTurnSeconds == nil ? signal.pool.assumedTurn.seconds : nil
            self.drainTargetSeconds = signal.pool.drainTarget.seconds
            let excluded = signal.excluded.map { reason, part in
                (
                    reason.rawValue,
                    Excluded(
                        slots: Self.rounded(part.slots), conversations: part.conversations, messages: part.messages)
                )
            }
            self.excluded = Dictionary(uniqueKeysWithValues: excluded)
            self.slotsPerPod = signal.pool.slotsPerPod
            self.pods = signal.pods
            self.unknownPods = signal.unknown.map(\.rawValue)
            self.suggestedPods = signal.suggestedPods
            self.verdict = signal.verdict
        }

        /// To thousandths: what autoscalers reckon with.
        private static func rounded(_ value: Double) -> Double { (value * 1_000).rounded() / 1_000 }
    }

    /// `GET /autoscaling/v1/pools`: 503 when a store does not answer.
    private func showPools(_ request: Request, _ context: GatewayContext) async throws -> Response {
        do {
            let reading = try await self.board.reading()
            let age = max(0, self.board.now.elapsed(since: reading.at).seconds)
            let pools = reading.signals.map { ($0.pool.name, Pool($0)) }
            return try JSONAnswer(Answer(ageSeconds: age, pools: Dictionary(uniqueKeysWithValues: pools)))
                .response(from: request, context: context)
        } catch let error as StoreError {
            throw APIError.unavailable("the scaling signal is not known: \(error.message)")
        }
    }
}
