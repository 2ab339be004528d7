import CardumeRuntime
import Foundation

/// What commands do with the admin API's answers.
enum AdminOutput {
    static func set(
        _ path: String, _ value: String, lifetime: String?, reason: String?, _ admin: AdminOptions
    ) async throws {
        let body = SettingRequest(value: value, lifetime: lifetime, reason: reason)
        try await admin.show(
            "PUT", "settings/\(HTTPAddress.segment(path))", body: body, as: SettingOutcomeBody.self, \.description)
    }

    static func unset(_ path: String, reason: String?, _ admin: AdminOptions) async throws {
        let query = reason.map { "?reason=\(HTTPAddress.segment($0))" } ?? ""
        try await admin.show(
            "DELETE", "settings/\(HTTPAddress.segment(path))\(query)", as: SettingOutcomeBody.self, \.description)
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
