public import CardumeCore
import Foundation
import HTTPTypes
import Hummingbird

/// What people may do to a conversation.
public struct ConversationOperations: Sendable {
    let assistants: [AssistantID]
    let release: @Sendable (Conversation.ID) async throws -> Void
    let transfer: @Sendable (Conversation.ID, AssistantID) async throws -> TransferOutcome

    /// - Parameters:
    ///   - assistants: whom a conversation may be given to.
    ///   - release: sets a held conversation going again.
    ///   - transfer: gives a conversation to an assistant.
    public init(
        assistants: [AssistantID], release: @escaping @Sendable (Conversation.ID) async throws -> Void,
        transfer: @escaping @Sendable (Conversation.ID, AssistantID) async throws -> TransferOutcome
    ) {
        self.assistants = assistants
        self.release = release
        self.transfer = transfer
    }
}

extension GatewayContext {
    /// The one that the path names.
    var conversation: Conversation.ID {
        get throws {
            guard let name = self.parameters.get("conversation")?.removingPercentEncoding, !name.isEmpty else {
                throw APIError.badRequest("the path names no conversation")
            }
            let id = Conversation.ID(name)
            guard !id.contact.rawValue.isEmpty, !id.channel.rawValue.isEmpty, name.utf8.count <= 513, !name.utf8.contains(0)
            else { throw APIError.badRequest("a conversation is named <channel>:<contact>") }
            return id
        }
    }
}

extension HTTPGateway {
    /// The body of `POST /v1/conversations/<id>/transfer`.
    private struct Transfer: Decodable {
        let to: String
    }

    func releaseConversation(_ request: Request, _ context: Context) async throws -> Response {
        let conversation = try self.conversation(request, context)
        return try await self.limited(request, context) {
            try await self.attempt("released", conversation) {
                try await self.conversations.release(conversation)
                try await self.admin?.desk.audit.released(
                    conversation, by: "api", from: self.door.address(peer: context.peer, request.headers) ?? "unknown",
                    traceID: context.traceID)
            }
            return try self.answer("released", conversation, request, context)
        }
    }

    func transferConversation(_ request: Request, _ context: Context) async throws -> Response {
        let conversation = try self.conversation(request, context)
        return try await self.limited(request, context) {
            let body = Data(try await request.bytes(upTo: self.settings.bodyLimit))
            guard let to = try? JSONDecoder().decode(Transfer.self, from: body).to else {
                throw APIError.badRequest("the body must be {\"to\": \"<assistant>\"}")
            }
            let assistant = AssistantID(to)
            guard self.conversations.assistants.contains(assistant) else {
                throw APIError.badRequest("there is no assistant \"\(to)\"")
            }
            let outcome = try await self.attempt("transferred", conversation) {
                try await self.conversations.transfer(conversation, assistant)
            }
            return try self.answer(outcome == .unchanged ? "unchanged" : "transferred", conversation, request, context)
        }
    }

    private func conversation(_ request: Request, _ context: Context) throws -> Conversation.ID {
        guard self.authenticator.allowsAPI(authorization: request.headers[.authorization]) else {
            throw APIError.unauthorized
        }
        context.admission.grant()
        return try context.conversation
    }

    private func attempt<Result>(
        _ what: String, _ conversation: Conversation.ID, _ operation: () async throws -> Result
    ) async throws -> Result {
        do {
            return try await operation()
        } catch {
            self.logger.error(
                "conversation not \(what)", metadata: ["conversation": "\(conversation)", "error": "\(error)"])
            throw APIError.unavailable("the conversation could not be \(what); try again")
        }
    }

    private func answer(
        _ status: String, _ conversation: Conversation.ID, _ request: Request, _ context: Context
    ) throws -> Response {
        try JSONAnswer(["status": status, "conversation": conversation.rawValue]).response(from: request, context: context)
    }
}
