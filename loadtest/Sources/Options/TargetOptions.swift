import ArgumentParser
import CardumeLoad
import Foundation

/// What is put under load, and how its replies come back.
struct TargetOptions: ParsableArguments {
    enum Door: String, CaseIterable, ExpressibleByArgument {
        /// As the gateways do; replies are caught by the sink.
        case webhooks
        /// `POST /v1/messages`, whose answers hold the replies.
        case api
    }

    enum Matching: String, CaseIterable, ExpressibleByArgument {
        /// By what replies repeat of their message.
        case token
        /// Each answers the oldest message of its conversation; order is not checked.
        case order
    }

    @Flag(help: "Start everything on this machine, and stop it afterwards: Redis, PostgreSQL, gateway, workers, fake model.")
    var local = false
    @Option(help: "URL of the gateway, such as https://staging.exemplo.com.br.")
    var target: String?
    @Option(help: "With --local: worker processes.")
    var workers = 3
    @Option(help: "With --local: slots of each assistant in each worker.")
    var slots = 200
    @Option(help: "With --local: slots of all assistants together in each worker; 0 for no bound but their own.")
    var processSlots = 0
    @Option(help: "How long the fake model takes.")
    var modelLatency = ModelTimes(.init(median: .seconds(1), p95: .seconds(3)))
    @Option(help: "Where messages go in: \(Door.allCases.map(\.rawValue).joined(separator: " or ")).")
    var door = Door.webhooks
    @Option(help: "How replies find their messages: \(Matching.allCases.map(\.rawValue).joined(separator: " or ")).")
    var matching = Matching.token
    @Option(help: "What the names of Evolution instances begin with; the assistant's name follows.")
    var instancePrefix = "carga-"
    @Option(help: "Where the sink listens: with --local always 127.0.0.1.")
    var sinkHost = "0.0.0.0"
    @Option(help: "The sink's port; with --local a free one is taken.")
    var sinkPort = 9_090
    @Option(help: "URL of a page of metrics to look at; may be given for each process. By default the target's /metrics.")
    var metrics: [String] = []
    @Option(help: "What the target's `loadtest.consent` says. Better from the environment: LOADTEST_CONSENT.")
    var consent: String?

    func validate() throws {
        guard self.local != (self.target != nil) else { throw ValidationError("give either --local or --target") }
        guard self.workers > 0, self.workers <= 64, self.slots > 0, self.processSlots >= 0, (0...65_535).contains(self.sinkPort)
        else {
            throw ValidationError("--workers must be 1 to 64, --slots 1 or more, --sink-port 0 to 65535")
        }
        if let target = self.target, URLComponents(string: target)?.host == nil || !target.hasPrefix("http") {
            throw ValidationError("--target must be an http or https URL")
        }
    }

    /// What is named by `--target`, with secrets from the environment.
    func remote(_ environment: [String: String]) -> Target? {
        guard var url = self.target else { return nil }
        while url.hasSuffix("/") { url.removeLast() }
        return Target(
            url: url,
            secrets: SenderSecrets(
                evolutionKey: environment["LOADTEST_EVOLUTION_KEY"],
                evolutionJWTSecret: environment["LOADTEST_EVOLUTION_JWT_SECRET"],
                metaAppSecret: environment["LOADTEST_META_APP_SECRET"], apiToken: environment["LOADTEST_API_TOKEN"]),
            metrics: self.metrics.isEmpty ? ["\(url)/metrics"] : self.metrics,
            consent: self.consent ?? environment["LOADTEST_CONSENT"])
    }
}
