import CardumeCore
import Foundation
import HTTPTypes
import Hummingbird

/// Messages that were given up: found, looked at, understood, deleted. ``AdminAPI/beginReplay`` puts them back.
extension AdminAPI {
    func listDeadLetters(_ request: Request, _ context: Context) async throws -> Response {
        let (filter, before, limit) = (try self.filter(request), try self.before(request), try self.limit(request))
        let letters = try await self.asking {
            try await self.desk.deadLetters.list(filter, before: before, limit: limit)
        }
        return try self.answer(
            DeadLetterListBody(
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
        return try self.answer(DeadLetterCountsBody(analysis), request, context)
    }

    func analyseDeadLetters(_ request: Request, _ context: Context) async throws -> Response {
        let (filter, limit) = (try self.filter(request), try self.limit(request, default: 10, most: 100))
        let analysis = try await self.asking { try await self.desk.statistics.analyse(filter) }
        return try self.answer(DeadLetterAnalysisBody(analysis, errors: limit, at: self.now), request, context)
    }

    /// Deletes only what the caller has counted before.
    func purgeDeadLetters(_ request: Request, _ context: Context) async throws -> Response {
        let body = try await self.decode(
            PurgeRequest.self, request, else: #"{"filter": {"until": "168h"}, "count": 12, "reason": "…"}"#)
        let filter = try body.filter.resolved(at: self.now)
        if let reason = body.reason { try Self.check(reason, "reason") }
        context.note?.write("\(filter.json), count \(body.count.map(String.init) ?? "not given")", body.reason)
        guard let expected = body.count else {
            let count = try await self.asking { try await self.desk.deadLetters.count(filter) }
            return try self.answer(PurgedBody(count: count, purged: false), request, context)
        }
        let (count, isDone) = try await self.asking {
            try await self.desk.deadLetters.purge(filter, count: expected)
        }
        guard isDone else {
            throw APIError(
                status: .conflict, code: "count_differs",
                message: "there are \(count) of them, not \(expected): nothing was deleted")
        }
        return try self.answer(PurgedBody(count: count, purged: true), request, context)
    }
}

extension DeadLetterFilter {
    /// As it stands in records.
    var json: String {
        (try? JSONEncoder().encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}
