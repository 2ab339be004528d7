public import CardumeCore

/// Answers from a small script, without any network: for trying Cardume out. It matches words; it understands nothing.
public struct OfflineModel: LanguageModel {
    private let rules: [CardumeConfiguration.OfflineRule]
    private let fallback: String

    public init(rules: [CardumeConfiguration.OfflineRule], fallback: String?) {
        self.rules = rules
        self.fallback =
            fallback
            ?? "Recebi sua mensagem: \"{text}\". Este é o modo offline, com respostas prontas; nenhum modelo está configurado."
    }

    public func complete(_ request: ModelRequest) async throws -> ModelResponse {
        let text = request.messages.suffix(request.newMessages).map(\.text).joined(separator: "\n")
        let lowered = text.lowercased()
        let rule = self.rules.first { lowered.contains($0.word.lowercased()) }
        if let transfer = rule?.transfer, request.transfers.contains(where: { $0.assistant == transfer }) {
            return ModelResponse(text: Self.fill(rule?.answer ?? "", with: text), transfer: transfer)
        }
        return ModelResponse(text: Self.fill(rule?.answer ?? self.fallback, with: text))
    }

    private static func fill(_ answer: String, with text: String) -> String {
        answer.split(separator: "{text}", omittingEmptySubsequences: false).joined(separator: text)
    }
}
