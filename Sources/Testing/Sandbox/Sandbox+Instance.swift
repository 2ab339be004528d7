import Foundation
import HTTPTypes
import Hummingbird

/// One presence the sandbox's Evolution server has shown.
public struct SandboxPresence: Hashable, Sendable {
    public let instance: String
    public let number: String
    public let presence: String
    /// Milliseconds.
    public let delay: Int64
    /// Messages sent before it.
    public let sendsBefore: Int
}

/// What the Evolution server says and shows besides messages.
extension Sandbox {
    private struct SendPresence: Decodable {
        let number: String
        let presence: String
        let delay: Int64
    }

    private struct ConnectionState: Encodable {
        struct Instance: Encodable {
            let instanceName: String
            let state: String
        }
        let instance: Instance
    }

    @concurrent func connectionState(_ request: Request, _ context: some RequestContext) async throws -> Response {
        if let denied = try self.denied(request.headers[HTTPField.Name("apikey")!], "") { return denied }
        let instance = context.parameters.get("instance")?.removingPercentEncoding ?? ""
        let state = self.state.beginCheck()
        return try Self.json(ConnectionState(instance: ConnectionState.Instance(instanceName: instance, state: state)))
    }

    /// Like the real one, it answers when the time is over.
    @concurrent func sendPresence(_ request: Request, _ context: some RequestContext) async throws -> Response {
        if let denied = try self.denied(request.headers[HTTPField.Name("apikey")!], "") { return denied }
        self.noteTrace(request)
        let instance = context.parameters.get("instance")?.removingPercentEncoding ?? ""
        let body = try await Self.decode(SendPresence.self, request)
        self.state.record(instance: instance, number: body.number, presence: body.presence, delay: body.delay)
        try await Task.sleep(for: .milliseconds(body.delay))
        return try Self.json(["presence": body.presence], status: .created)
    }
}
