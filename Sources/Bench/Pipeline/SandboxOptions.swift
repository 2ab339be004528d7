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

    init() {}

    /// - Parameter model: how long a model call takes.
    init(model: Duration, capacity: Int? = nil, refusesBeyond: Int? = nil, poison: String? = nil) {
        self.modelMilliseconds = Int(model.milliseconds)
        self.modelCapacity = capacity
        self.modelRefusesBeyond = refusesBeyond
        self.modelPoison = poison
    }

    var arguments: [String] {
        var arguments = ["--model-milliseconds", "\(self.modelMilliseconds)"]
        if let capacity = self.modelCapacity { arguments += ["--model-capacity", "\(capacity)"] }
        if let limit = self.modelRefusesBeyond { arguments += ["--model-refuses-beyond", "\(limit)"] }
        if let poison = self.modelPoison { arguments += ["--model-poison", poison] }
        return arguments
    }
}
