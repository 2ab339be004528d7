import CardumeCore
import Foundation
import HTTPTypes
import Hummingbird

extension HTTPGateway {
    /// The body of `POST /v1/messages`.
    private struct PostedMessage: Decodable {
        let channel: String
        let contact: String
        let text: String
        /// Repeating a call with the same id enqueues nothing.
        let id: String?
        let name: String?
        /// Seconds to wait for the reply.
        let wait: Double?
    }

    private struct MessageReceipt: Encodable {
        let status: String
        let id: String
        let conversation: String
        let replies: [String]?
    }

    func postMessage(_ request: Request, _ context: Context) async throws -> Response {
        guard self.authenticator.allowsAPI(authorization: request.headers[.authorization]) else {
            throw APIError.unauthorized
        }
        context.admission.grant()
        try self.door.enter(.api)
        return try await self.limited(request, context) {
            let body = try await request.bytes(upTo: self.settings.bodyLimit)
            let posted = try Self.decode(body)
            let message = try self.message(from: posted, traceID: context.traceID)
            guard let wait = posted.wait else {
                let outcomes = try await self.accept([message], from: .api)
                return try self.receipt(message, outcomes, nil, nil, request, context)
            }
            let (outcomes, replies, end) = try await self.waiter.replies(to: message, within: .seconds(wait)) {
                try await self.accept([message], from: .api)
            } isExpected: {
                // Nobody knows when what is in the spool will be answered.
                if case .appended = $0.first { true } else { false }
            }
            return try self.receipt(message, outcomes, replies, end, request, context)
        }
    }

    /// Counts the request for those who make it. Whether it was answered or refused for its faults, the answer says how many
    /// more they have.
    func limited(
        _ request: Request, _ context: Context, _ answer: () async throws -> Response
    ) async throws -> Response {
        let pass = try await self.door.take(self.door.callers(peer: context.peer, request.headers))
        do {
            var response = try await answer()
            response.headers.append(contentsOf: pass.headers)
            return response
        } catch var error as APIError {
            if error.isRefusal {
                await self.door.giveBack(pass)
            } else {
                error.headers.append(contentsOf: pass.headers)
            }
            throw error
        }
    }

    private func receipt(
        _ message: InboundMessage, _ outcomes: [IntakeOutcome], _ replies: [String]?, _ end: ReplyWaiter.End?,
        _ request: Request, _ context: Context
    ) throws -> Response {
        let isDuplicate = outcomes.first == .duplicate
        let status =
            switch end {
            case _ where isDuplicate: "duplicate"
            case .answered: "answered"
            case .failed: "failed"
            case nil: "queued"
            }
        return try JSONAnswer(
            status: status == "queued" ? .accepted : .ok,
            MessageReceipt(
                status: status, id: message.id.rawValue, conversation: message.conversation.rawValue,
                replies: isDuplicate ? nil : replies)
        ).response(from: request, context: context)
    }

    private static func decode(_ body: [UInt8]) throws -> PostedMessage {
        do {
            return try JSONDecoder().decode(PostedMessage.self, from: Data(body))
        } catch DecodingError.keyNotFound(let key, _) {
            throw APIError.badRequest("\"\(key.stringValue)\" is missing")
        } catch DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context) {
            let path = context.codingPath.map(\.stringValue).joined(separator: ".")
            throw APIError.badRequest(path.isEmpty ? "the body is not a JSON object" : "\"\(path)\" has the wrong type")
        } catch {
            throw APIError.badRequest("the body is not JSON")
        }
    }

    private func message(from posted: PostedMessage, traceID: String) throws -> InboundMessage {
        func required(_ value: String, _ name: String) throws -> String {
            guard !value.isEmpty, value.utf8.count <= 256, !value.utf8.contains(0) else {
                throw APIError.badRequest("\"\(name)\" must have 1 to 256 bytes, none of them NUL")
            }
            return value
        }
        let contact = try required(posted.contact, "contact")
        guard !contact.utf8.contains(UInt8(ascii: ":")) else {
            throw APIError.badRequest("\"contact\" must not contain a colon")
        }
        guard !posted.text.allSatisfy(\.isWhitespace) else { throw APIError.badRequest("\"text\" is empty") }
        if let wait = posted.wait, !(0...60).contains(wait) {
            throw APIError.badRequest("\"wait\" must be 0 to 60 seconds")
        }
        let channel = ChannelID(try required(posted.channel, "channel"))
        return InboundMessage(
            id: MessageID(try posted.id.map { try required($0, "id") } ?? UUID().uuidString.lowercased()),
            conversation: Conversation.ID(channel: channel, contact: ContactID(contact)),
            text: posted.text, receivedAt: self.clock(), contactName: try posted.name.map { try required($0, "name") },
            replyAddress: contact,
            traceID: traceID)
    }
}
