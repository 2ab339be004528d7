import CardumeCore
import Foundation

/// The function through which a model gives a conversation to another assistant, as OpenAI-compatible servers are told of it.
struct TransferTool: Encodable {
    static let name = "transferir_conversa"

    private struct Function: Encodable {
        let name = TransferTool.name
        let description: String
        let parameters: Parameters
    }

    private struct Parameters: Encodable {
        struct Properties: Encodable {
            let assistente: Assistant
        }
        struct Assistant: Encodable {
            let type = "string"
            let `enum`: [String]
        }
        let type = "object"
        let properties: Properties
        let required = ["assistente"]
        let additionalProperties = false
    }

    private struct Arguments: Decodable {
        let assistente: String
    }

    private let type = "function"
    private let function: Function

    init(_ options: [TransferOption]) {
        let list = options.map { "\($0.assistant): \($0.reason)" }.joined(separator: "; ")
        self.function = Function(
            description: "Passa a conversa para outro assistente, que responde no lugar deste. \(list)",
            parameters: Parameters(
                properties: Parameters.Properties(
                    assistente: Parameters.Assistant(enum: options.map(\.assistant.rawValue)))))
    }

    /// Whom a call of the function names. Models write what they like: a call that names nobody fails the attempt.
    static func assistant(_ name: String?, _ arguments: String?, _ options: [TransferOption]) throws -> AssistantID {
        guard name == Self.name else {
            throw TurnFailure(
                category: .other, message: "the model called a function that does not exist: \((name ?? "").prefix(100))",
                isRetryable: true)
        }
        let wanted = arguments.flatMap { try? JSONDecoder().decode(Arguments.self, from: Data($0.utf8)).assistente }
        guard let option = options.first(where: { $0.assistant.rawValue == wanted }) else {
            throw TurnFailure(
                category: .other, message: "the model gave the conversation to nobody: \((arguments ?? "").prefix(200))",
                isRetryable: true)
        }
        return option.assistant
    }
}
