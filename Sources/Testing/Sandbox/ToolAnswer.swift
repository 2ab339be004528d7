import Foundation

/// A chat completion that calls a function.
struct ToolAnswer: Encodable {
    private struct Choice: Encodable {
        let index = 0
        let message: Message
        let finish_reason = "tool_calls"
    }
    private struct Message: Encodable {
        let role = "assistant"
        let content: String?
        let tool_calls: [Call]
    }
    private struct Call: Encodable {
        let id = "call_\(UUID().uuidString)"
        let type = "function"
        let function: Function
    }
    private struct Function: Encodable {
        let name: String
        let arguments: String
    }

    private let id = "chatcmpl-\(UUID().uuidString)"
    private let object = "chat.completion"
    private let model: String
    private let choices: [Choice]

    init(model: String, content: String?, function: String, _ arguments: String) {
        self.model = model
        let call = Call(function: Function(name: function, arguments: arguments))
        self.choices = [Choice(message: Message(content: content, tool_calls: [call]))]
    }
}
