import HTTPTypes
import Hummingbird

extension Router where Context == GatewayContext {
    /// Serves `handlers` at `path`, and answers other methods with 405.
    func serve(_ path: RouterPath, _ handlers: [HTTPRequest.Method: HTTPGateway.Handler]) {
        let allowed = handlers.keys.map(\.rawValue).sorted().joined(separator: ", ")
        for method: HTTPRequest.Method in [.get, .head, .post, .put, .patch, .delete, .options] {
            if let handler = handlers[method] {
                self.on(path, method: method) { request, context in try await handler(request, context) }
            } else {
                self.on(path, method: method) { _, _ -> Response in
                    throw APIError(
                        status: .methodNotAllowed, code: "method_not_allowed", message: "use \(allowed)",
                        headers: [.allow: allowed])
                }
            }
        }
    }
}
