import CardumeCore
import CardumeRuntime

/// The model of each assistant.
struct Models: Sendable {
    private let models: Live<[AssistantID: any LanguageModel]>
    private let client: SharedHTTPClient

    init(_ configuration: CardumeConfiguration, client: SharedHTTPClient) {
        self.client = client
        self.models = Live(Self.models(configuration, client))
    }

    /// Calls that have begun keep the model they began with.
    func update(_ configuration: CardumeConfiguration) {
        self.models.set(Self.models(configuration, self.client))
    }

    private static func models(
        _ configuration: CardumeConfiguration, _ client: SharedHTTPClient
    ) -> [AssistantID: any LanguageModel] {
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
        return Dictionary(uniqueKeysWithValues: pairs)
    }

    /// Every assistant that has a queue has a model.
    subscript(assistant: AssistantID) -> any LanguageModel {
        self.models.value[assistant] ?? OfflineModel(rules: [], fallback: nil)
    }
}
