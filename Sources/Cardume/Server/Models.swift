import CardumeCore
import CardumeRuntime

/// The model of each assistant.
struct Models: Sendable {
    private let models: [AssistantID: any LanguageModel]

    init(_ configuration: CardumeConfiguration, client: SharedHTTPClient) {
        let pairs = configuration.assistants.map { settings -> (AssistantID, any LanguageModel) in
            let model: any LanguageModel =
                settings.model.map { OpenAIModel(settings: $0, client: client) }
                ?? OfflineModel(rules: settings.offline, fallback: settings.offlineDefault)
            #if DEBUG
            return (settings.assistant.id, CrashingModel.wrap(model))
            #else
            return (settings.assistant.id, model)
            #endif
        }
        self.models = Dictionary(uniqueKeysWithValues: pairs)
    }

    /// Every assistant that has a queue has a model.
    subscript(assistant: AssistantID) -> any LanguageModel {
        self.models[assistant] ?? OfflineModel(rules: [], fallback: nil)
    }
}
