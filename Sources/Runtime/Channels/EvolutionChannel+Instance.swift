public import CardumeCore
import Foundation
import NIOHTTP1

/// What Evolution's instance can say and show besides messages.
extension EvolutionChannel {
    private static let checkTimeout = Duration.seconds(10)

    private struct Presence: Encodable {
        let number: String
        let presence = "composing"
        /// Milliseconds. The server answers after this time, and then shows that nobody types any more.
        let delay: Int64
    }

    private struct ConnectionState: Decodable {
        struct Instance: Decodable {
            let state: String?
        }
        let instance: Instance?
    }

    public func showTyping(for intent: SendIntent, lasting duration: Duration) async {
        let body = Presence(number: intent.replyAddress, delay: duration.milliseconds)
        _ = try? await self.call(
            .POST, "chat/sendPresence", JSONEncoder().encode(body), timeout: duration + Self.checkTimeout,
            as: OutgoingCall(carrying: intent.traceID))
    }

    /// Down unless the server says `open`. That is no proof that messages leave: the circuit breaker has the last word.
    public func check() async -> GatewayCheck {
        do {
            let (status, body) = try await self.call(.GET, "instance/connectionState", nil, timeout: Self.checkTimeout)
            // Gateways that only resemble Evolution may not know the question; an instance that is unknown is named.
            let isUnknown = String(decoding: body, as: UTF8.self).contains("does not exist")
            if [404, 405, 501].contains(status), !isUnknown { return .up }
            guard status == 200 else { return .down(reason: "connectionState answered \(status)") }
            let state = (try? JSONDecoder().decode(ConnectionState.self, from: body))?.instance?.state
            return state == "open" ? .up : .down(reason: "the instance is \(state.map { "\"\($0)\"" } ?? "not loaded")")
        } catch {
            return .down(reason: HTTPAddress.describe(error))
        }
    }
}
