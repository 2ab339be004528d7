import CardumeCore
import HTTPTypes
import Hummingbird

extension HTTPField.Name {
    static let cardumeForwarded = HTTPField.Name(ConversationExplainer.Forwarding.header)!
    static let cardumeHolder = HTTPField.Name(ConversationExplainer.Forwarding.holderHeader)!
}

extension AdminAPI {
    /// `GET /admin/conversations/{id}/explain`: asked of any process.
    func explainConversation(_ request: Request, _ context: Context) async throws -> Response {
        let conversation = try context.conversation
        try self.refuseIfMeantForAnother(request)
        let isForwarded = request.headers[.cardumeForwarded] != nil
        let forwarding =
            isForwarded
            ? nil : request.headers[.authorization].map { ConversationExplainer.Forwarding(authorization: $0) }
        guard var explanation = await self.explainer.explain(conversation, forwarding) else {
            throw APIError(
                status: .notFound, code: "not_found", message: "nobody knows a conversation \"\(conversation)\"")
        }
        // Where the audit log cannot be asked, that it is held is answer enough.
        if explanation.obstacle?.cause == .held,
            let cause = try? await self.desk.conversations.holdCause(of: conversation)
        {
            explanation.obstacle = .held(cause, at: self.explainer.now)
        }
        return try JSONAnswer(ExplanationBody(explanation, at: self.explainer.now)).response(from: request, context: context)
    }

    /// - Throws: an ``APIError`` with 421 when a process asks another one than this.
    func refuseIfMeantForAnother(_ request: Request) throws {
        guard let holder = request.headers[.cardumeHolder], !self.explainer.isMeant(holder) else { return }
        throw APIError(status: .misdirectedRequest, code: "not_the_holder", message: "this process is not \(holder)")
    }
}
