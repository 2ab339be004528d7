import CardumeCore
import HTTPTypes
import Hummingbird

/// What no store knows: gateways, circuit breakers and traffic, from the live objects of this process and of all members that
/// can be reached.
extension AdminAPI {
    func listGateways(_ request: Request, _ context: Context) async throws -> Response {
        try await self.survey("admin/gateways", request, context) { $0.gateways = self.sight.gateways() }
    }

    func listBreakers(_ request: Request, _ context: Context) async throws -> Response {
        try await self.survey("admin/breakers", request, context) { $0.breakers = self.sight.breakers() }
    }

    func showTraffic(_ request: Request, _ context: Context) async throws -> Response {
        try await self.survey("admin/traffic", request, context) { $0.traffic = self.sight.traffic() }
    }

    /// - Parameters:
    ///   - path: where others are asked the same.
    ///   - fill: adds this process's part.
    private func survey(
        _ path: String, _ request: Request, _ context: Context, _ fill: (inout ProcessBody) -> Void
    ) async throws -> Response {
        try self.refuseIfMeantForAnother(request)
        var own = self.sight.own(at: self.now)
        fill(&own)
        var answer = ProcessesBody(processes: [own])
        // Whoever was asked by another asks nobody.
        if request.headers[.cardumeForwarded] == nil, let authorization = request.headers[.authorization] {
            let others = try await self.asking { try await self.sight.askOthers(path, authorization) }
            answer.processes += others.processes
            answer.silent = others.silent
        }
        return try self.answer(answer, request, context)
    }
}
