import CardumeActors
import CardumeCore
import CardumeRuntime
import Foundation

/// The model of each assistant.
struct Models: Sendable {
    private let models: Live<[AssistantID: any LanguageModel]>
    private let client: SharedHTTPClient
    private let breakers: Breakers

    init(_ configuration: CardumeConfiguration, client: SharedHTTPClient, breakers: Breakers) {
        self.client = client
        self.breakers = breakers
        self.models = Live(Self.models(configuration, client, breakers))
    }

    /// Calls that have begun keep the model they began with.
    func update(_ configuration: CardumeConfiguration) {
        self.models.set(Self.models(configuration, self.client, self.breakers))
    }

    private static func models(
        _ configuration: CardumeConfiguration, _ client: SharedHTTPClient, _ breakers: Breakers
    ) -> [AssistantID: any LanguageModel] {
        let pairs = configuration.assistants.map { settings -> (AssistantID, any LanguageModel) in
            let model: any LanguageModel =
                settings.model.map { model in
                    let breaker = breakers.breaker(.model, Self.endpoint(of: model))
                    return GuardedModel(OpenAIModel(settings: model, client: client), breaker: breaker)
                }
                ?? OfflineModel(rules: settings.offline, fallback: settings.offlineDefault)
            #if DEBUG
            return (settings.assistant.id, CrashingModel.wrap(model))
            #else
            return (settings.assistant.id, model)
            #endif
        }
        return Dictionary(uniqueKeysWithValues: pairs)
    }

    /// `<model>@<host>:<port>`: no secrets, as an address may hold some. Assistants with the same model there share its breaker.
    private static func endpoint(of model: CardumeConfiguration.Model) -> String {
        let address = URLComponents(string: model.baseURL)
        return "\(model.name)@\(address?.host ?? "")" + (address?.port.map { ":\($0)" } ?? "")
    }

    /// Every assistant that has a queue has a model.
    subscript(assistant: AssistantID) -> any LanguageModel {
        self.models.value[assistant] ?? OfflineModel(rules: [], fallback: nil)
    }
}
