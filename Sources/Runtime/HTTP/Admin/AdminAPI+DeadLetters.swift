import CardumeCore
import Foundation
import HTTPTypes
import Hummingbird

/// Messages that were given up: found, looked at, understood, deleted. ``AdminAPI/beginReplay`` puts them back.
extension AdminAPI {
    private struct LetterList: Encodable {
        let dead_letters: [DeadLetterBody]
        /// For the next page: its `before`. Missing on the last one.
        let next: Int64?
    }

    private struct Counts: Encodable {
        let total: Int
        let replaying: Int
        let conversations: Int
        let by_category: [String: Int]
        let by_kind: [String: Int]
        let by_assistant: [String: Int]
        let by_channel: [String: Int]

        init(_ analysis: DeadLetterAnalysis) {
            self.total = analysis.count
            self.replaying = analysis.replaying
            self.conversations = analysis.conversationCount
            self.by_category = analysis.categories
            self.by_kind = analysis.kinds
            self.by_assistant = analysis.assistants
            self.by_channel = analysis.channels
        }
    }

    private struct Analysis: Encodable {
        struct Hour: Encodable {
            let at: String
            let count: Int
        }

        struct Error: Encodable {
            let fingerprint: String
            let category: String
            let count: Int
            let conversations: Int
            let assistants: [String]
            let first_at: String
            let last_at: String
            let example: String
            let example_id: Int64
        }

        let total: Int
        let replaying: Int
        let conversations: Int
        let by_category: [String: Int]
        let by_kind: [String: Int]
        let by_assistant: [String: Int]
        let by_hour: [Hour]
        let top_errors: [Error]
        let recommendations: [String]

        init(_ analysis: DeadLetterAnalysis, errors: Int, at now: Timestamp) {
            self.total = analysis.count
            self.replaying = analysis.replaying
            self.conversations = analysis.conversationCount
            self.by_category = analysis.categories
            self.by_kind = analysis.kinds
            self.by_assistant = analysis.assistants
            self.by_hour = analysis.hours.sorted { $0.key < $1.key }.map {
                Hour(at: Timestamp(milliseconds: $0.key * 3_600_000).text, count: $0.value)
            }
            self.top_errors = analysis.topErrors(errors).map { group in
                Error(
                    fingerprint: group.fingerprint, category: group.category, count: group.count,
                    conversations: group.conversations.count, assistants: group.assistants.map(\.rawValue).sorted(),
                    first_at: group.first.text, last_at: group.last.text, example: String(group.example.prefix(1_000)),
                    example_id: group.exampleID)
            }
            self.recommendations = analysis.recommendations(at: now)
        }
    }

    /// The body of `POST /admin/dead-letters/purge`.
    private struct Purge: Decodable {
        let filter: FilterBody
        /// How many the caller believes there are; missing or `null` to be told.
        let count: Int?
        let reason: String?
    }

    private struct Purged: Encodable {
        let count: Int
        let purged: Bool
    }

    func listDeadLetters(_ request: Request, _ context: Context) async throws -> Response {
        let (filter, before, limit) = (try self.filter(request), try self.before(request), try self.limit(request))
        let letters = try await self.asking {
            try await self.desk.deadLetters.list(filter, before: before, limit: limit)
        }
        return try self.answer(
            LetterList(
                dead_letters: letters.map { DeadLetterBody($0, isWhole: false) },
                next: letters.count == limit ? letters.last?.id : nil), request, context)
    }

    func showDeadLetter(_ request: Request, _ context: Context) async throws -> Response {
        let id = try self.number("letter", context)
        guard let letter = try await self.asking({ try await self.desk.deadLetters.letter(id) }) else {
            throw APIError(status: .notFound, code: "not_found", message: "there is no dead letter \(id)")
        }
        return try self.answer(DeadLetterBody(letter, isWhole: true), request, context)
    }

    func countDeadLetters(_ request: Request, _ context: Context) async throws -> Response {
        let filter = try self.filter(request)
        let analysis = try await self.asking { try await self.desk.statistics.analyse(filter) }
        return try self.answer(Counts(analysis), request, context)
    }

    func analyseDeadLetters(_ request: Request, _ context: Context) async throws -> Response {
        let (filter, limit) = (try self.filter(request), try self.limit(request, default: 10, most: 100))
        let analysis = try await self.asking { try await self.desk.statistics.analyse(filter) }
        return try self.answer(Analysis(analysis, errors: limit, at: self.now), request, context)
    }

    /// Deletes only what the caller has counted before.
    func purgeDeadLetters(_ request: Request, _ context: Context) async throws -> Response {
        let body = try await self.decode(
            Purge.self, request, else: #"{"filter": {"until": "168h"}, "count": 12, "reason": "…"}"#)
        let filter = try body.filter.resolved(at: self.now)
        if let reason = body.reason { try Self.check(reason, "reason") }
        context.note?.write("\(filter.json), count \(body.count.map(String.init) ?? "not given")", body.reason)
        guard let expected = body.count else {
            let count = try await self.asking { try await self.desk.deadLetters.count(filter) }
            return try self.answer(Purged(count: count, purged: false), request, context)
        }
        let (count, isDone) = try await self.asking {
            try await self.desk.deadLetters.purge(filter, count: expected)
        }
        guard isDone else {
            throw APIError(
                status: .conflict, code: "count_differs",
                message: "there are \(count) of them, not \(expected): nothing was deleted")
        }
        return try self.answer(Purged(count: count, purged: true), request, context)
    }
}

extension DeadLetterFilter {
    /// As it stands in records.
    var json: String {
        (try? JSONEncoder().encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}

/// A dead letter in the admin API.
struct DeadLetterBody: Encodable {
    private static let excerpt = 200

    let id: Int64
    let conversation: String
    let message_id: String
    let assistant: String
    let category: String
    let error: String
    let fingerprint: String
    let kind: String
    /// In a list, its beginning.
    let text: String?
    let contact_name: String?
    let received_at: String
    let at: String
    let attempts: Int
    let replays: Int
    /// `dead`, or `replaying` while it is on its way back.
    let state: String
    let trace_id: String

    init(_ letter: StoredDeadLetter, isWhole: Bool) {
        let message = letter.message
        self.id = letter.id
        self.conversation = message.conversation.rawValue
        self.message_id = message.id.rawValue
        self.assistant = letter.assistant.rawValue
        self.category = letter.category
        self.error = isWhole ? letter.error : String(letter.error.prefix(Self.excerpt))
        self.fingerprint = letter.fingerprint
        self.kind = message.kind.rawValue
        self.text = isWhole ? message.text : message.text.map { String($0.prefix(Self.excerpt)) }
        self.contact_name = message.contactName
        self.received_at = message.receivedAt.text
        self.at = letter.at.text
        self.attempts = letter.attempts
        self.replays = letter.replays
        self.state = letter.isReplaying ? "replaying" : "dead"
        self.trace_id = message.traceID
    }
}
