import ArgumentParser
import CardumeCore

/// How the fake model behaves, on the command line of the process that plays it.
struct SandboxOptions: ParsableArguments {
    @Option var modelMilliseconds: Int
    /// Calls that it serves at full speed together.
    @Option var modelCapacity: Int?
    /// Calls in flight beyond which it answers 429.
    @Option var modelRefusesBeyond: Int?
    /// Every call about a message that contains this fails.
    @Option var modelPoison: String?
    /// What the model allows in a minute, without ever saying so; 0 for everything.
    @Option var requestsPerMinute = 0
    @Option var tokensPerMinute = 0
    @Option var window = "sliding"
    @Option var host = "127.0.0.1"

    /// What the model allows in a minute.
    struct Limits: Sendable {
        var requests: Int
        var tokens: Int
        var window: String
        /// `0.0.0.0` for a server that can pass for several: it answers at every address that begins with 127.
        var host = "127.0.0.1"
    }

    init() {}

    /// - Parameter model: how long a model call takes.
    init(
        model: Duration, capacity: Int? = nil, refusesBeyond: Int? = nil, poison: String? = nil, limits: Limits? = nil
    ) {
        self.modelMilliseconds = Int(model.milliseconds)
        self.modelCapacity = capacity
        self.modelRefusesBeyond = refusesBeyond
        self.modelPoison = poison
        self.requestsPerMinute = limits?.requests ?? 0
        self.tokensPerMinute = limits?.tokens ?? 0
        self.window = limits?.window ?? "sliding"
        self.host = limits?.host ?? "127.0.0.1"
    }

    var arguments: [String] {
        var arguments = ["--model-milliseconds", "\(self.modelMilliseconds)"]
        if let capacity = self.modelCapacity { arguments += ["--model-capacity", "\(capacity)"] }
        if let limit = self.modelRefusesBeyond { arguments += ["--model-refuses-beyond", "\(limit)"] }
        if let poison = self.modelPoison { arguments += ["--model-poison", poison] }
        guard self.requestsPerMinute > 0 else { return arguments }
        return arguments + [
            "--requests-per-minute", "\(self.requestsPerMinute)", "--tokens-per-minute", "\(self.tokensPerMinute)", "--window",
            self.window, "--host", self.host,
        ]
    }
}
