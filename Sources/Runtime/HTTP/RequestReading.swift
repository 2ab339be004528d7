import CardumeCore
import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

extension HTTPField.Name {
    static let traceID = HTTPField.Name("X-Trace-ID")!
    static let apikey = HTTPField.Name("apikey")!
    static let hubSignature = HTTPField.Name("X-Hub-Signature-256")!
    static let traceparent = HTTPField.Name("traceparent")!
    static let tracestate = HTTPField.Name("tracestate")!
}

/// A request's context, with the trace it belongs to.
struct GatewayContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// 32 lower-case hex digits.
    var traceID = ""
    /// The address of who is connected; `nil` for a socket without one.
    let peer: String?
    /// Who calls, under /admin.
    var principal: AdminPrincipal?
    /// Where they call from, under /admin.
    var address = "unknown"
    /// Of who calls, at the doors.
    let admission = Admission()
    /// What the audit log says of a change beside its target; `nil` where nothing is written.
    var note: AuditNote?

    init(source: Source) {
        self.coreContext = CoreRequestContextStorage(source: source)
        self.peer = source.channel.remoteAddress?.ipAddress
    }
}

extension Request {
    /// The whole body.
    ///
    /// - Throws: an ``APIError`` with 413 when it is longer than `limit`; what was announced too long is not read at all.
    func bytes(upTo limit: Int) async throws -> [UInt8] {
        if let length = self.headers[.contentLength].flatMap(Int.init), length > limit { throw APIError.tooLarge(limit) }
        do {
            let buffer = try await self.body.collect(upTo: limit)
            return Array(buffer.readableBytesView)
        } catch is NIOTooManyBytesError {
            throw APIError.tooLarge(limit)
        }
    }

    /// A query parameter; see ``QueryString``.
    func query(_ name: String) -> String? { QueryString.value(of: name, in: self.uri.query ?? "") }
}

/// What follows the question mark of an address.
package enum QueryString {
    /// The first parameter of this name, decoded; empty when it has no value. Names may contain dots; `+` is a space.
    ///
    /// - Returns: `nil` when there is none, or its value is no percent-encoded UTF-8.
    package static func value(of name: String, in query: String) -> String? {
        for pair in query.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                .map {
                    $0.split(separator: "+", omittingEmptySubsequences: false).joined(separator: " ").removingPercentEncoding
                }
            if parts[0] == name { return parts.count > 1 ? parts[1] : "" }
        }
        return nil
    }
}

/// An error as API callers see it: `{"error":{"code":…,"message":…}}`.
struct APIError: Error, HTTPResponseError {
    let status: HTTPResponse.Status
    let code: String
    let message: String
    var headers: HTTPFields = [:]

    static let unauthorized = APIError(
        status: .unauthorized, code: "unauthorized", message: "the key, token or signature is missing or wrong")
    static func tooLarge(_ limit: Int) -> APIError {
        APIError(status: .contentTooLarge, code: "too_large", message: "the body is larger than \(limit) bytes")
    }
    static func badRequest(_ message: String) -> APIError {
        APIError(status: .badRequest, code: "bad_request", message: message)
    }
    static func unavailable(_ message: String) -> APIError {
        APIError(
            status: .serviceUnavailable, code: "unavailable", message: message, headers: [.retryAfter: "5"])
    }

    func response(from request: Request, context: some RequestContext) throws -> Response {
        var response = try JSONAnswer(status: self.status, ErrorBody(code: self.code, message: self.message))
            .response(from: request, context: context)
        for field in self.headers { response.headers.append(field) }
        return response
    }
}

/// A JSON answer with its status.
struct JSONAnswer<Content: Encodable>: ResponseGenerator {
    let status: HTTPResponse.Status
    let content: Content

    init(status: HTTPResponse.Status = .ok, _ content: Content) {
        self.status = status
        self.content = content
    }

    func response(from request: Request, context: some RequestContext) throws -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Response(
            status: self.status, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: try encoder.encode(self.content))))
    }
}
