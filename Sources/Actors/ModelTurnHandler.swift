public import CardumeCore

/// The ordinary assistant: shows a model its prompt, the conversation so far and the new messages, and replies what it says.
/// What timers say is said without a model.
public struct ModelTurnHandler: TurnHandler {
    /// How often a message may be given to yet another assistant before one has to answer it.
    private static let transferLimit = 3

    private let model: @Sendable (AssistantID) -> any LanguageModel
    private let menuText: @Sendable (ChannelID) -> String?

    /// - Parameters:
    ///   - model: the model of an assistant.
    ///   - menuText: the menu of a channel, for messages that chose no assistant yet.
    public init(
        model: @escaping @Sendable (AssistantID) -> any LanguageModel,
        menuText: @escaping @Sendable (ChannelID) -> String?
    ) {
        self.model = model
        self.menuText = menuText
    }

    public func respond(to turn: Turn) async throws -> TurnResult {
        if turn.messages.allSatisfy({ $0.details.showsMenu == true }), let menu = self.menuText(turn.conversation.channel) {
            return TurnResult(replies: [Reply(text: menu)])
        }
        if turn.messages[0].timer != nil {
            let text = turn.assistant.timers.text(for: turn.messages[0])
            return TurnResult(replies: text.map { [Reply(text: $0)] } ?? [])
        }
        let request = ModelRequest(
            assistant: turn.assistant.id,
            conversation: turn.conversation,
            prompt: turn.assistant.prompt,
            messages: turn.context + turn.messages.map { ContextMessage(role: .contact, text: $0.contextText) },
            newMessages: turn.messages.count, traceID: turn.messages[0].traceID,
            transfers: turn.messages.allSatisfy { $0.details.transfers ?? 0 < Self.transferLimit }
                ? turn.assistant.transfers : [],
            deadline: turn.deadline
        )
        let response = try await self.model(turn.assistant.id).complete(request)
        // An empty answer is no reply to send, and repeating the call would seldom help.
        return TurnResult(
            replies: response.text.isEmpty ? [] : [Reply(text: response.text)], usage: response.usage,
            transfer: response.transfer)
    }
}
