package import CardumeCore
import Foundation

/// The body of `POST /v1/messages`.
package struct PostedMessage: Decodable, Sendable {
    let channel: String
    let contact: String
    let text: String
    /// Repeating a call with the same id enqueues nothing.
    let id: String?
    let name: String?
    /// Seconds to wait for the reply.
    package let wait: Double?

    /// - Throws: an ``APIError`` that says what is missing or wrong.
    package init(json body: [UInt8]) throws {
        do {
            self = try JSONDecoder().decode(PostedMessage.self, from: Data(body))
        } catch DecodingError.keyNotFound(let key, _) {
            throw APIError.badRequest("\"\(key.stringValue)\" is missing")
        } catch DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context) {
            let path = context.codingPath.map(\.stringValue).joined(separator: ".")
            throw APIError.badRequest(path.isEmpty ? "the body is not a JSON object" : "\"\(path)\" has the wrong type")
        } catch {
            throw APIError.badRequest("the body is not JSON")
        }
    }

    /// - Throws: an ``APIError`` for a value that is not allowed.
    package func message(receivedAt: Timestamp, traceID: String) throws -> InboundMessage {
        func required(_ value: String, _ name: String) throws -> String {
            guard !value.isEmpty, value.utf8.count <= 256, !value.utf8.contains(0) else {
                throw APIError.badRequest("\"\(name)\" must have 1 to 256 bytes, none of them NUL")
            }
            return value
        }
        let contact = try required(self.contact, "contact")
        guard !contact.utf8.contains(UInt8(ascii: ":")) else {
            throw APIError.badRequest("\"contact\" must not contain a colon")
        }
        guard !self.text.allSatisfy(\.isWhitespace) else { throw APIError.badRequest("\"text\" is empty") }
        if let wait = self.wait, !(0...60).contains(wait) {
            throw APIError.badRequest("\"wait\" must be 0 to 60 seconds")
        }
        let channel = ChannelID(try required(self.channel, "channel"))
        return InboundMessage(
            id: MessageID(try self.id.map { try required($0, "id") } ?? UUID().uuidString.lowercased()),
            conversation: Conversation.ID(channel: channel, contact: ContactID(contact)),
            text: self.text, receivedAt: receivedAt, contactName: try self.name.map { try required($0, "name") },
            replyAddress: contact, traceID: traceID)
    }
}
