import AsyncHTTPClient
import CardumeCore
import Foundation
import NIOHTTP1

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
        var failure = TurnFailure(
            category: isTimeout ? .timeout : .connection, message: "model: \(HTTPAddress.describe(error))", isRetryable: true)
        if case .unavailable = SendTransport.outcome(of: error) { failure.mayHaveBegun = false }
        return failure
    }

    static func status(_ status: Int, _ body: Data, _ headers: HTTPHeaders) -> TurnFailure {
        let error = ErrorBody(body)
        let message = "model answered \(status)" + (error.text.map { ": \($0)" } ?? "")
        func failure(_ category: TurnFailure.Category, retry: Bool, isOutage: Bool? = nil) -> TurnFailure {
            let override = headers.first(name: "x-should-retry").flatMap { ["true": true, "false": false][$0.lowercased()] }
            return TurnFailure(
                category: category, message: message, isRetryable: override ?? retry, retryAfter: self.retryAfter(headers),
                isOutage: isOutage)
        }
        switch status {
        case 401, 403: return failure(.auth, retry: false)
        case 408, 504: return failure(.timeout, retry: true)
        case 409: return failure(.other, retry: true)
        case 500...: return failure(.other, retry: true, isOutage: true)
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
