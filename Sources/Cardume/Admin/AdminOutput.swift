import Foundation

/// What commands do with the admin API's answers.
enum AdminOutput {
    private struct Wanted: Encodable {
        let value: String
        let expires_in: String?
        let reason: String?
    }

    static func set(
        _ path: String, _ value: String, lifetime: String?, reason: String?, _ admin: AdminOptions
    ) async throws {
        let body = Wanted(value: value, expires_in: lifetime, reason: reason)
        try self.show(
            try await admin.client().call("PUT", "settings/\(AdminClient.segment(path))", body: body), admin)
    }

    static func unset(_ path: String, reason: String?, _ admin: AdminOptions) async throws {
        let query = reason.map { "?reason=\(AdminClient.segment($0))" } ?? ""
        try self.show(try await admin.client().call("DELETE", "settings/\(AdminClient.segment(path))\(query)"), admin)
    }

    private static func show(_ answer: Data, _ admin: AdminOptions) throws {
        if admin.json { return self.print(answer) }
        Swift.print(try self.decode(OutcomeAnswer.self, answer).description)
    }

    static func print(_ answer: Data) { Swift.print(String(decoding: answer, as: UTF8.self)) }

    static func decode<Answer: Decodable>(_ type: Answer.Type, _ answer: Data) throws -> Answer {
        do {
            return try JSONDecoder().decode(type, from: answer)
        } catch {
            throw CommandFailure("the process gave an answer that is not understood; is it of another version?")
        }
    }
}
