#if DEBUG
import CardumeCore
import Foundation

/// Kills the process when a message contains the word in `CARDUME_TEST_CRASH_WORD`: how tests make a poisonous message.
/// Not part of release builds.
struct CrashingModel: LanguageModel {
    private let model: any LanguageModel
    private let word: String

    static func wrap(_ model: any LanguageModel) -> any LanguageModel {
        guard let word = ProcessInfo.processInfo.environment["CARDUME_TEST_CRASH_WORD"], !word.isEmpty else { return model }
        return CrashingModel(model: model, word: word)
    }

    func complete(_ request: ModelRequest) async throws -> ModelResponse {
        if request.messages.last?.text.contains(self.word) ?? false { kill(getpid(), SIGKILL) }
        return try await self.model.complete(request)
    }
}
#endif
