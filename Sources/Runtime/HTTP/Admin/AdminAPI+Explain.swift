public import CardumeCore
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
        guard let explanation = await self.explainer.explain(conversation, forwarding) else {
            throw APIError(
                status: .notFound, code: "not_found", message: "nobody knows a conversation \"\(conversation)\"")
        }
        return try JSONAnswer(ExplanationBody(explanation, at: self.explainer.now)).response(from: request, context: context)
    }

    /// - Throws: an ``APIError`` with 421 when a process asks another one than this.
    func refuseIfMeantForAnother(_ request: Request) throws {
        guard let holder = request.headers[.cardumeHolder], !self.explainer.isMeant(holder) else { return }
        throw APIError(status: .misdirectedRequest, code: "not_the_holder", message: "this process is not \(holder)")
    }
}

/// The explanation and, beside its members, the sentence.
public struct ExplanationBody: Codable, Sendable {
    public let explanation: ConversationExplanation
    public let text: String

    init(_ explanation: ConversationExplanation, at now: Timestamp) {
        self.explanation = explanation
        self.text = explanation.sentence(at: now)
    }

    private enum CodingKeys: CodingKey {
        case text
    }

    public init(from decoder: any Decoder) throws {
        self.explanation = try ConversationExplanation(from: decoder)
        self.text = try decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .text)
    }

    public func encode(to encoder: any Encoder) throws {
        try self.explanation.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(self.text, forKey: .text)
    }
}
