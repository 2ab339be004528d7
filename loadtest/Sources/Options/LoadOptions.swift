import ArgumentParser

/// Who writes, and in what rhythm.
struct LoadOptions: ParsableArguments {
    @Option(help: "When messages come: \(ArrivalProcess.allCases.map(\.rawValue).joined(separator: " or ")).")
    var arrivals = ArrivalProcess.poisson
    @Option(help: "Fixes what is random; by default a new one, which the results tell.")
    var seed: UInt64?
    @Option(help: "Conversations open at once at the highest rate; contacts think for longer or shorter to that end.")
    var conversations: Int?
    @Option(help: "Messages of a conversation on average.")
    var sessionMessages = TrafficProfile().messages
    @Option(help: "Kinds of messages, by weight.")
    var kinds = WeightList(Dictionary(uniqueKeysWithValues: TrafficProfile().kinds.map { ($0.key.rawValue, $0.value) }))
    @Option(help: "Assistants, by weight.")
    var assistants = WeightList(TrafficProfile().assistants)
    @Option(help: "Share of conversations that come through Meta's Cloud API, 0 to 1; with --local 0.2 by default, else 0.")
    var metaShare: Double?
    @Option(
        help:
            "Falsify what the sink catches, to see that it is found: \(Saboteur.Fault.allCases.map(\.rawValue).joined(separator: ", "))."
    )
    var sabotage: Saboteur.Fault?
    @Option(help: "With --sabotage: one reply in so many.")
    var sabotageEvery = 20
    @Option(help: "Messages per second, at most (\(Numbers.short(RunLimits.usual.rate)) for another machine).")
    var maximumRate: Double?
    @Option(help: "Hours, at most (\(Numbers.short(RunLimits.usual.hours)) for another machine).")
    var maximumHours: Double?
    @Option(help: "Conversations at once, at most (\(RunLimits.usual.conversations) for another machine).")
    var maximumConversations: Int?

    func validate() throws {
        for name in self.kinds.weights.keys where TrafficProfile.Kind(rawValue: name) == nil {
            throw ValidationError("--kinds: there is no kind \"\(name)\"")
        }
        guard (0...1).contains(self.metaShare ?? 0), self.sessionMessages >= 1, self.conversations ?? 1 > 0,
            self.sabotageEvery > 0
        else {
            throw ValidationError(
                "--meta-share is 0 to 1, --session-messages, --conversations and --sabotage-every are 1 or more")
        }
    }

    /// - Parameter rate: the highest of the run.
    func profile(isLocal: Bool, rate: Double) -> TrafficProfile {
        var profile = TrafficProfile()
        profile.kinds = self.kinds.weights.reduce(into: [:]) { kinds, weight in
            if let kind = TrafficProfile.Kind(rawValue: weight.key) { kinds[kind] = weight.value }
        }
        profile.assistants = self.assistants.weights
        profile.metaShare = self.metaShare ?? (isLocal ? 0.2 : 0)
        profile.messages = self.sessionMessages
        profile.mostMessages = max(profile.mostMessages, Int(5 * self.sessionMessages))
        return self.conversations.map { profile.paced(conversations: $0, rate: rate) } ?? profile
    }

    /// - Parameter isLoopback: whether the target is on this machine: then the highest limits count.
    func limits(isLoopback: Bool) throws -> RunLimits {
        let usual = isLoopback ? RunLimits.most : .usual
        return try RunLimits(
            rate: self.maximumRate ?? usual.rate, hours: self.maximumHours ?? usual.hours,
            conversations: self.maximumConversations ?? usual.conversations
        ).checked()
    }
}
