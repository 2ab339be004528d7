import CardumeCore
import CardumeRuntime
import Foundation
import Testing

@Suite struct OpenAIAnswerTests {
    private static func response(_ message: String) throws -> ModelResponse {
        try OpenAIAnswer.response(
            from: Data(#"{"choices": [{"message": \#(message)}]}"#.utf8), of: "fake",
            [TransferOption(assistant: "suporte", reason: "problemas")])
    }

    private static let call =
        #"[{"function": {"name": "transferir_conversa", "arguments": "{\"assistente\": \"suporte\"}"}}]"#

    /// Some servers always write `refusal`, empty when there is none.
    @Test(arguments: ["null", #""""#, #"" \n""#]) func anEmptyRefusalIsNone(_ refusal: String) throws {
        let transfer = try Self.response(#"{"content": null, "refusal": \#(refusal), "tool_calls": \#(Self.call)}"#)
        #expect(transfer.transfer == "suporte" && transfer.text.isEmpty)
        #expect(throws: TurnFailure.self, "silence is no answer") {
            try Self.response(#"{"content": "", "refusal": \#(refusal)}"#)
        }
        #expect(try Self.response(#"{"content": "Oi", "refusal": \#(refusal)}"#).text == "Oi")
    }

    @Test func aRefusalIsAnswered() throws {
        #expect(try Self.response(#"{"content": null, "refusal": "Não posso."}"#).text == "Não posso.")
    }
}
