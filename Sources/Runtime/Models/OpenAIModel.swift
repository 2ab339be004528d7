import AsyncHTTPClient
public import CardumeCore
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import Tracing

/// A chat model behind an OpenAI-compatible `POST …/chat/completions`.
public struct OpenAIModel: LanguageModel {
    /// A server that takes longer than this has had its chance.
    private static let leastFairTime = Duration.seconds(5)

    private let settings: CardumeConfiguration.Model
    private let client: SharedHTTPClient
    private let url: String
    private let uptime: @Sendable () -> Duration
    private let onLimits: @Sendable (ModelLimitReport) -> Void

    /// - Parameters:
    ///   - uptime: the clock of ``ModelRequest/deadline``.
    ///   - onLimits: told what each answer says of the server's limits.
    public init(
        settings: CardumeConfiguration.Model, client: SharedHTTPClient, uptime: @escaping @Sendable () -> Duration,
        onLimits: @escaping @Sendable (ModelLimitReport) -> Void = { _ in }
    ) {
        self.uptime = uptime
        self.onLimits = onLimits
        self.settings = settings
        self.client = client
        self.url = HTTPAddress.join(settings.baseURL, "chat/completions")
    }

    public func complete(_ request: ModelRequest) async throws -> ModelResponse {
        do {
            return try await self.attempt(request)
        } catch let overflow as ContextOverflow {
            // Half the history, once; without any, the new messages themselves are too long.
            guard request.messages.count > request.newMessages else { throw overflow.failure }
            var shorter = request
            shorter.messages = Array(request.messages.suffix(max(request.newMessages, request.messages.count / 2)))
            do {
                return try await self.attempt(shorter)
            } catch let overflow as ContextOverflow {
                throw overflow.failure
            }
        }
    }

    /// The conversation does not fit into the model's context.
    private struct ContextOverflow: Error {
        let failure: TurnFailure
    }

    private func attempt(_ request: ModelRequest) async throws -> ModelResponse {
        // Names as in the semantic conventions for generative AI, none of which is stable yet.
        let call = OutgoingCall(
            "chat \(self.settings.name)", to: self.url, traceID: request.traceID, self.client.traces,
            [
                "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai",
                "gen_ai.request.model": .string(self.settings.name), "cardume.assistant": .string(request.assistant.rawValue),
            ])
        do {
            let response = try await self.attempt(request, as: call)
            call.note { attributes in
                attributes["gen_ai.usage.input_tokens"] = response.usage?.prompt
                attributes["gen_ai.usage.output_tokens"] = response.usage?.completion
                if let transfer = response.transfer {
                    attributes["gen_ai.tool.name"] = TransferTool.name
                    attributes["cardume.transfer"] = transfer.rawValue
                }
            }
            call.ended()
            return response
        } catch {
            let failure = (error as? ContextOverflow)?.failure ?? error as? TurnFailure
            call.ended(failure?.category.rawValue ?? "interrupted")
            throw error
        }
    }

    private func attempt(_ request: ModelRequest, as call: OutgoingCall) async throws -> ModelResponse {
        let head: HTTPClientResponse
        let body: Data
        let timeout = request.deadline.map { min($0 - self.uptime(), self.settings.timeout) } ?? self.settings.timeout
        guard timeout > .zero else {
            throw TurnFailure(
                category: .timeout, message: "the turn's time was over before the model was called", isRetryable: true,
                isOutage: false, mayHaveBegun: false)
        }
        do {
            (head, body) = try await self.client.fetch(
                try self.httpRequest(for: request, as: call), within: timeout, upTo: 8 << 20)
        } catch {
            try Task.checkCancellation()
            var failure = OpenAIFailure.transport(error)
            // What the turn had left says little about a server that was given hardly any time.
            if timeout < min(self.settings.timeout, Self.leastFairTime) { failure.isOutage = false }
            throw failure
        }
        call.answered(Int(head.status.code))
        self.onLimits(ModelLimitReport { head.headers.first(name: $0) })
        guard head.status == .ok else {
            let failure = OpenAIFailure.status(Int(head.status.code), body, head.headers)
            if OpenAIFailure.isContextOverflow(body) { throw ContextOverflow(failure: failure) }
            throw failure
        }
        return try OpenAIAnswer.response(from: body, of: self.settings.name, request.transfers)
    }

    private func httpRequest(for request: ModelRequest, as call: OutgoingCall) throws -> HTTPClientRequest {
        var messages = request.messages.map { Message(role: $0.role == .contact ? "user" : "assistant", content: $0.text) }
        if !request.prompt.isEmpty { messages.insert(Message(role: "system", content: request.prompt), at: 0) }
        let isNew = self.settings.maximumTokensField == "max_completion_tokens"
        let body = Body(
            model: self.settings.name, messages: messages, temperature: self.settings.temperature,
            max_completion_tokens: isNew ? self.settings.maximumTokens : nil,
            max_tokens: isNew ? nil : self.settings.maximumTokens,
            tools: request.transfers.isEmpty ? nil : [TransferTool(request.transfers)])
        var http = HTTPClientRequest(url: self.url)
        http.method = .POST
        http.headers.add(name: "Content-Type", value: "application/json")
        http.headers.add(name: "X-Client-Request-Id", value: request.traceID)
        call.inject(into: &http.headers)
        // An empty `Bearer ` is refused by some proxies.
        if let key = self.settings.key { http.headers.add(name: "Authorization", value: "Bearer \(key)") }
        http.body = .bytes(ByteBuffer(data: try JSONEncoder().encode(body)))
        return http
    }

    private struct Message: Encodable {
        let role: String
        let content: String
    }

    private struct Body: Encodable {
        let model: String
        let messages: [Message]
        let temperature: Double?
        let max_completion_tokens: Int?
        let max_tokens: Int?
        let tools: [TransferTool]?
    }
}
