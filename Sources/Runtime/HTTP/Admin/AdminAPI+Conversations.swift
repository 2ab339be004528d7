import CardumeCore
import Foundation
import HTTPTypes
import Hummingbird

/// Conversations: what the journal has of them, and what people may do to them.
extension AdminAPI {
    func listHeld(_ request: Request, _ context: Context) async throws -> Response {
        let (after, limit) = (try self.text("after", request), try self.limit(request))
        let held = try await self.asking { try await self.desk.conversations.held(after: after, limit: limit) }
        return try self.answer(
            HeldListBody(held: held.map(\.rawValue), next: held.count == limit ? held.last?.rawValue : nil), request, context)
    }

    func showConversation(_ request: Request, _ context: Context) async throws -> Response {
        let id = try context.conversation
        let limit = try self.limit(request, default: 20, most: 200)
        var filter = DeadLetterFilter()
        filter.conversation = id.rawValue
        let of = filter
        let (record, place, letters) = try await self.asking {
            async let record = self.desk.conversations.record(of: id, limit: limit)
            async let place = self.desk.log.whereabouts(of: id)
            async let letters = self.desk.deadLetters.list(of, limit: limit)
            return try await (record, place, letters)
        }
        guard !record.isEmpty || place != nil || !letters.isEmpty else {
            throw APIError(status: .notFound, code: "not_found", message: "nobody knows a conversation \"\(id)\"")
        }
        return try self.answer(
            ConversationBody(
                conversation: id.rawValue, channel: id.channel.rawValue, contact: id.contact.rawValue,
                queue: place?.queue.rawValue, has_unsettled: place?.hasUnsettled ?? false, held: record.isHeld,
                lines: record.lines.map(ConversationBody.Line.init), turns: record.turns.map(ConversationBody.Turn.init),
                sends: record.sends.map(ConversationBody.Send.init),
                dead_letters: letters.map { DeadLetterBody($0, isWhole: false) }), request, context)
    }

    /// What runs ends; nothing more of it begins until it is released.
    func holdConversation(_ request: Request, _ context: Context) async throws -> Response {
        let (id, _) = try await self.change(request, context)
        try await self.asking {
            try await self.desk.conversations.hold(id)
            try await self.desk.log.announce(.park, of: id, to: self.desk.queues)
        }
        return try self.answer(ConversationChangedBody(status: "held", conversation: id.rawValue), request, context)
    }

    func releaseConversation(_ request: Request, _ context: Context) async throws -> Response {
        let (id, _) = try await self.change(request, context)
        try await self.asking { try await self.desk.operations.release(id) }
        return try self.answer(ConversationChangedBody(status: "released", conversation: id.rawValue), request, context)
    }

    func transferConversation(_ request: Request, _ context: Context) async throws -> Response {
        let (id, to) = try await self.change(request, context)
        guard let to else { throw APIError.badRequest("the body must be like {\"to\": \"financeiro\"}") }
        let assistant = AssistantID(to)
        guard self.desk.operations.assistants.contains(assistant) else {
            throw APIError(status: .unprocessableContent, code: "not_allowed", message: "there is no assistant \"\(to)\"")
        }
        let outcome = try await self.asking { try await self.desk.operations.transfer(id, assistant) }
        let status = outcome == .unchanged ? "unchanged" : "transferred"
        return try self.answer(ConversationChangedBody(status: status, conversation: id.rawValue), request, context)
    }

    private func change(
        _ request: Request, _ context: Context
    ) async throws -> (conversation: Conversation.ID, to: String?) {
        let id = try context.conversation
        let data = Data(try await request.bytes(upTo: Self.bodyLimit))
        var change: ConversationRequest?
        if !data.isEmpty {
            guard let body = try? JSONDecoder().decode(ConversationRequest.self, from: data) else {
                throw APIError.badRequest("the body must be like {\"reason\": \"…\"}")
            }
            change = body
        }
        if let reason = change?.reason { try Self.check(reason, "reason") }
        if let to = change?.to { try Self.check(to, "to") }
        context.note?.write(change?.to.map { "to \($0)" }, change?.reason)
        return (id, change?.to)
    }
}
