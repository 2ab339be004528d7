package import CardumeCore
import Foundation
import HTTPTypes
import Hummingbird

/// What requests under /admin have in common.
extension AdminAPI {
    var now: Timestamp { self.explainer.now }

    func answer(_ content: some Encodable, _ request: Request, _ context: Context) throws -> Response {
        try JSONAnswer(content).response(from: request, context: context)
    }

    /// - Throws: an ``APIError`` with 503 when a store does not answer.
    func asking<Result>(_ operation: () async throws -> Result) async throws -> Result {
        do {
            return try await operation()
        } catch let error as StoreError {
            throw APIError.unavailable("the store does not answer (\(error)); nothing is known to have changed")
        }
    }

    func decode<Body: Decodable>(_ type: Body.Type, _ request: Request, else example: String) async throws -> Body {
        let body = Data(try await request.bytes(upTo: Self.bodyLimit))
        do {
            return try JSONDecoder().decode(type, from: body)
        } catch let problem as BodyProblem {
            throw APIError.badRequest(problem.message)
        } catch {
            throw APIError.badRequest("the body must be like \(example)")
        }
    }

    /// Who changes something, and why.
    func author(_ context: Context, _ reason: String?) throws -> SettingAuthor {
        try Self.check(reason ?? "-", "reason")
        guard let principal = context.principal else { preconditionFailure("nobody was admitted") }
        return SettingAuthor(principal.name, reason: reason)
    }

    static func check(_ text: String, _ what: String) throws {
        guard (1...500).contains(text.utf8.count), !text.unicodeScalars.contains(where: { $0.value < 0x20 }) else {
            throw APIError.badRequest("\(what) must have 1 to 500 bytes, and no control characters")
        }
    }

    // MARK: Paths and queries

    func number(_ name: String, _ context: Context) throws -> Int64 {
        guard let number = context.parameters.get(name).flatMap({ Int64($0) }), number > 0 else {
            throw APIError.badRequest("the path must name a number from 1")
        }
        return number
    }

    func limit(_ request: Request, default standard: Int = 50, most: Int = 500) throws -> Int {
        guard let limit = Int(request.query("limit") ?? String(standard)), (1...most).contains(limit) else {
            throw APIError.badRequest("\"limit\" must be 1 to \(most)")
        }
        return limit
    }

    /// A row's number, to list those before it.
    func before(_ request: Request) throws -> Int64? {
        guard let text = request.query("before") else { return nil }
        guard let number = Int64(text), number > 0 else { throw APIError.badRequest("\"before\" must be a number from 1") }
        return number
    }

    func text(_ name: String, _ request: Request) throws -> String? {
        guard let text = request.query(name), !text.isEmpty else { return nil }
        try Self.check(text, "\"\(name)\"")
        return text
    }

    func time(_ name: String, _ request: Request) throws -> Timestamp? {
        try request.query(name).map { try AdminTime.parse($0, named: name, at: self.now) }
    }

    /// The filter that a query describes.
    func filter(_ request: Request) throws -> DeadLetterFilter {
        var filter = DeadLetterFilter()
        filter.assistant = try self.text("assistant", request)
        filter.category = try self.text("category", request)
        filter.channel = try self.text("channel", request)
        filter.conversation = try self.text("conversation", request)
        filter.kind = try self.text("kind", request)
        filter.fingerprint = try self.text("fingerprint", request)
        filter.since = try self.time("since", request)
        filter.until = try self.time("until", request)
        filter.text = try self.text("text", request)
        if let id = request.query("from_id") {
            guard let number = Int64(id), number > 0 else { throw APIError.badRequest("\"from_id\" must be a number from 1") }
            filter.fromID = number
        }
        return filter
    }
}

/// A time in a request: `2026-11-21T14:03:22Z`, or how long ago: `90m`.
package enum AdminTime {
    package static func parse(_ text: String, named name: String, at now: Timestamp) throws -> Timestamp {
        if let ago = ConfigurationDuration.parse(text) { return now.advanced(by: .zero - ago) }
        for hasFraction in [false, true] {
            let style = Date.ISO8601FormatStyle(includingFractionalSeconds: hasFraction)
            if let date = try? style.parse(text) {
                let seconds = date.timeIntervalSince1970
                guard abs(seconds) < 100_000_000_000 else { break }
                return Timestamp(milliseconds: Int64((seconds * 1_000).rounded()))
            }
        }
        throw APIError.badRequest("\"\(name)\" must be a time like 2026-11-21T14:03:22Z, or how long ago, like 90m")
    }
}

extension FilterBody {
    private static let mostIDs = 10_000

    /// - Throws: an ``APIError`` when it means everything without saying so.
    package func resolved(at now: Timestamp) throws -> DeadLetterFilter {
        var filter = DeadLetterFilter()
        filter.ids = self.ids
        (filter.assistant, filter.category, filter.channel) = (self.assistant, self.category, self.channel)
        (filter.conversation, filter.kind, filter.fingerprint) = (self.conversation, self.kind, self.fingerprint)
        filter.since = try self.since.map { try AdminTime.parse($0, named: "since", at: now) }
        filter.until = try self.until.map { try AdminTime.parse($0, named: "until", at: now) }
        (filter.text, filter.fromID) = (self.text, self.from_id)
        guard filter.ids?.count ?? 0 <= Self.mostIDs else {
            throw APIError.badRequest("\"ids\" may have \(Self.mostIDs) at most; use another filter")
        }
        guard self.all ?? false || !filter.isEmpty else {
            throw APIError.badRequest("an empty filter means all dead letters; say so with \"all\": true")
        }
        return filter
    }
}
