import AsyncHTTPClient
public import CardumeCore
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1

/// A chat model behind an OpenAI-compatible `POST …/chat/completions`.
public struct OpenAIModel: LanguageModel {
    private let settings: CardumeConfiguration.Model
    private let client: SharedHTTPClient
    private let url: String

    public init(settings: CardumeConfiguration.Model, client: SharedHTTPClient) {
        self.settings = settings
        self.client = client
        self.url = HTTPAddress.join(settings.baseURL, "chat/completions")
    }

    public func complete(_ request: ModelRequest) async throws -> ModelResponse {
        do {
            return try await self.attempt(request)
        } catch let overflow as ContextOverflow {
            // Half the history, once; without any, the message itself is too long.
            guard request.messages.count > 1 else { throw overflow.failure }
            var shorter = request
            shorter.messages = Array(request.messages.suffix(max(1, request.messages.count / 2)))
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
        let head: HTTPClientResponse
        let body: Data
        do {
            (head, body) = try await self.client.fetch(
                try self.httpRequest(for: request), within: self.settings.timeout, upTo: 8 << 20)
        } catch {
            try Task.checkCancellation()
            throw OpenAIFailure.transport(error)
        }
        guard head.status == .ok else {
            let failure = OpenAIFailure.status(Int(head.status.code), body, head.headers)
            if OpenAIFailure.isContextOverflow(body) { throw ContextOverflow(failure: failure) }
            throw failure
        }
        return try self.response(from: body)
    }

    private func httpRequest(for request: ModelRequest) throws -> HTTPClientRequest {
        var messages = request.messages.map { Message(role: $0.role == .contact ? "user" : "assistant", content: $0.text) }
        if !request.prompt.isEmpty { messages.insert(Message(role: "system", content: request.prompt), at: 0) }
        let isNew = self.settings.maximumTokensField == "max_completion_tokens"
        let body = Body(
            model: self.settings.name, messages: messages, temperature: self.settings.temperature,
            max_completion_tokens: isNew ? self.settings.maximumTokens : nil,
            max_tokens: isNew ? nil : self.settings.maximumTokens)
        var http = HTTPClientRequest(url: self.url)
        http.method = .POST
        http.headers.add(name: "Content-Type", value: "application/json")
        http.headers.add(name: "X-Client-Request-Id", value: request.traceID)
        // An empty `Bearer ` is refused by some proxies.
        if let key = self.settings.key { http.headers.add(name: "Authorization", value: "Bearer \(key)") }
        http.body = .bytes(ByteBuffer(data: try JSONEncoder().encode(body)))
        return http
    }

    private func response(from body: Data) throws -> ModelResponse {
        guard let answer = try? JSONDecoder().decode(Answer.self, from: body), let choice = answer.choices.first,
            let message = choice.message
        else {
            throw TurnFailure(category: .other, message: "the model's answer has no choices", isRetryable: true)
        }
        let usage = answer.usage.map {
            TokenUsage(
                model: self.settings.name, prompt: $0.prompt_tokens ?? 0, completion: $0.completion_tokens ?? 0)
        }
        if let refusal = message.refusal, message.content?.isEmpty ?? true {
            return ModelResponse(text: refusal, usage: usage)
        }
        guard let content = message.content, !content.allSatisfy(\.isWhitespace) else {
            throw TurnFailure(
                category: .other, message: "the model's answer is empty (\(choice.finish_reason ?? "no reason"))",
                isRetryable: true)
        }
        return ModelResponse(text: content, usage: usage)
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
    }

    private struct Answer: Decodable {
        struct Choice: Decodable {
            struct Message: Decodable {
                let content: String?
                let refusal: String?
            }
            let message: Message?
            let finish_reason: String?
        }
        struct Usage: Decodable {
            let prompt_tokens: Int?
            let completion_tokens: Int?
        }
        let choices: [Choice]
        let usage: Usage?
    }
}

/// Sorts what OpenAI-compatible servers answer into what to do about it.
enum OpenAIFailure {
    /// Codes of a 429 that waiting does not cure.
    private static let quotaCodes: Set<String> = [
        "insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded", "organization_usage_limit_exceeded",
    ]
    /// A longer stated wait is cut to this: the turn keeps its place in memory.
    private static let longestWait = Duration.seconds(120)

    static func isContextOverflow(_ body: Data) -> Bool {
        let error = ErrorBody(body)
        return ["context_length_exceeded", "exceed_context_size_error"].contains { $0 == error.code || $0 == error.type }
    }

    static func transport(_ error: any Error) -> TurnFailure {
        let isTimeout =
            [HTTPClientError.deadlineExceeded, .readTimeout, .connectTimeout, .writeTimeout].contains {
                $0 == error as? HTTPClientError
            }
        return TurnFailure(
            category: isTimeout ? .timeout : .connection, message: "model: \(HTTPAddress.describe(error))", isRetryable: true)
    }

    static func status(_ status: Int, _ body: Data, _ headers: HTTPHeaders) -> TurnFailure {
        let error = ErrorBody(body)
        let message = "model answered \(status)" + (error.text.map { ": \($0)" } ?? "")
        func failure(_ category: TurnFailure.Category, retry: Bool) -> TurnFailure {
            let override = headers.first(name: "x-should-retry").flatMap { ["true": true, "false": false][$0.lowercased()] }
            return TurnFailure(
                category: category, message: message, isRetryable: override ?? retry, retryAfter: self.retryAfter(headers))
        }
        switch status {
        case 401, 403: return failure(.auth, retry: false)
        case 408, 504: return failure(.timeout, retry: true)
        case 409, 500...: return failure(.other, retry: true)
        case 429 where error.code.map(self.quotaCodes.contains) ?? false:
            return TurnFailure(category: .quota, message: message, isRetryable: false)
        case 429 where error.text?.hasPrefix("Request too large") ?? false:
            return failure(.validation, retry: false)
        case 429: return failure(.rateLimit, retry: true)
        default: return failure(.validation, retry: false)
        }
    }

    /// `retry-after-ms`, else `retry-after` in seconds, which may be fractional. An HTTP date is left to the backoff.
    static func retryAfter(_ headers: HTTPHeaders) -> Duration? {
        let milliseconds =
            headers.first(name: "retry-after-ms").flatMap(Double.init)
            ?? headers.first(name: "retry-after").flatMap(Double.init).map { $0 * 1_000 }
        guard let milliseconds, milliseconds >= 0 else { return nil }
        return .milliseconds(Int64(min(milliseconds, Double(self.longestWait.milliseconds))))
    }

    /// Servers disagree on the shape of an error; none of it is required.
    private struct ErrorBody {
        var code: String?
        var type: String?
        var text: String?

        init(_ data: Data) {
            guard let object = (try? JSONSerialization.jsonObject(with: data)) as? [String: Any] else { return }
            let error = object["error"] as? [String: Any] ?? object
            self.type = error["type"] as? String
            self.code = (error["code"] as? String) ?? (error["type"] as? String)
            let text = (error["message"] as? String) ?? (object["error"] as? String) ?? (object["detail"] as? String)
            self.text = text.map { String($0.prefix(300)) }
        }
    }
}
