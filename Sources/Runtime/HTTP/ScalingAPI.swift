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

    /// `GET /autoscaling/v1/pools`: 503 when a store does not answer.
    private func showPools(_ request: Request, _ context: GatewayContext) async throws -> Response {
        do {
            let reading = try await self.board.reading()
            let age = max(0, self.board.now.elapsed(since: reading.at).seconds)
            let pools = reading.signals.map { ($0.pool.name, PoolBody($0)) }
            return try JSONAnswer(PoolsBody(ageSeconds: age, pools: Dictionary(uniqueKeysWithValues: pools)))
                .response(from: request, context: context)
        } catch let error as StoreError {
            throw APIError.unavailable("the scaling signal is not known: \(error.message)")
        }
    }
}
