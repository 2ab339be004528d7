import CardumeActors
import CardumeCore
import CardumeRuntime
import Foundation

/// The model of each assistant.
struct Models: Sendable {
    private let models: [AssistantID: any LanguageModel]

    init(_ configuration: CardumeConfiguration, client: SharedHTTPClient, breakers: Breakers) {
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
        self.models = Dictionary(uniqueKeysWithValues: pairs)
    }

    /// `<model>@<host>:<port>`: no secrets, as an address may hold some. Assistants with the same model there share its breaker.
    private static func endpoint(of model: CardumeConfiguration.Model) -> String {
        let address = URLComponents(string: model.baseURL)
        return "\(model.name)@\(address?.host ?? "")" + (address?.port.map { ":\($0)" } ?? "")
    }

    /// Every assistant that has a queue has a model.
    subscript(assistant: AssistantID) -> any LanguageModel {
        self.models[assistant] ?? OfflineModel(rules: [], fallback: nil)
    }
}
