package import CardumeCore
package import Foundation

/// What an OpenAI-compatible server answers with a 200.
package struct OpenAIAnswer: Decodable {
    private struct Choice: Decodable {
        struct Message: Decodable {
            let content: String?
            let refusal: String?
            let tool_calls: [ToolCall]?
        }
        struct ToolCall: Decodable {
            struct Function: Decodable {
                let name: String?
                let arguments: String?
            }
            let function: Function?
        }
        let message: Message?
        let finish_reason: String?
    }
    private struct Usage: Decodable {
        let prompt_tokens: Int?
        let completion_tokens: Int?
    }
    private let choices: [Choice]
    private let usage: Usage?

    /// - Parameters:
    ///   - model: the name under which its tokens are counted.
    ///   - transfers: to whom it may give the conversation.
    /// - Throws: a ``TurnFailure`` when there is neither text, refusal nor transfer in it.
    package static func response(
        from body: Data, of model: String, _ transfers: [TransferOption]
    ) throws -> ModelResponse {
        guard let answer = try? JSONDecoder().decode(OpenAIAnswer.self, from: body), let choice = answer.choices.first,
            let message = choice.message
        else {
            throw TurnFailure(category: .other, message: "the model's answer has no choices", isRetryable: true)
        }
        let usage = answer.usage.map {
            TokenUsage(model: model, prompt: $0.prompt_tokens ?? 0, completion: $0.completion_tokens ?? 0)
        }
        if let refusal = message.refusal, !refusal.allSatisfy(\.isWhitespace), message.content?.isEmpty ?? true {
            return ModelResponse(text: refusal, usage: usage)
        }
        // Whatever `finish_reason` says: servers disagree on it.
        if let call = message.tool_calls?.first {
            let transfer = try TransferTool.assistant(call.function?.name, call.function?.arguments, transfers)
            // Servers that take the call out of the text leave white space behind.
            let text = message.content.flatMap { $0.allSatisfy(\.isWhitespace) ? nil : $0 }
            return ModelResponse(text: text ?? "", usage: usage, transfer: transfer)
        }
        guard let content = message.content, !content.allSatisfy(\.isWhitespace) else {
            throw TurnFailure(
                category: .other, message: "the model's answer is empty (\(choice.finish_reason ?? "no reason"))",
                isRetryable: true)
        }
        return ModelResponse(text: content, usage: usage)
    }
}
