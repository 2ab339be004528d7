import CardumeTesting

/// How contacts behave: to whom they write, what, and in what rhythm.
struct TrafficProfile: Sendable, Codable {
    enum Kind: String, Sendable, Codable, CaseIterable {
        case text
        case audio
        case image
        case document
    }

    /// Weights; 78, 15, 5 and 2 by default.
    var kinds: [Kind: Double] = [.text: 78, .audio: 15, .image: 5, .document: 2]
    /// Weights by name.
    var assistants: [String: Double] = [
        "suporte": 35, "financeiro": 30, "comercial": 20, "cancelamento": 10, "ouvidoria": 5,
    ]
    /// Of conversations, those that come through Meta's Cloud API; 0 to 1.
    var metaShare = 0.0
    /// Messages of a conversation on average, and at most.
    var messages = 8.0
    var mostMessages = 40
    /// Messages that a contact writes before reading an answer, on average.
    var burst = 1.6
    /// Between two messages of a burst.
    var typing = LogNormal(median: .milliseconds(1_800), p95: .seconds(6))
    /// Between an answer's due time and the next burst.
    var thinking = LogNormal(median: .seconds(14), p95: .seconds(75))
    /// What ``thinking`` is multiplied with.
    var pace = 1.0

    /// Seconds between two messages of a conversation, on average.
    var meanGap: Double {
        let withinBurst = 1 - 1 / self.burst
        return withinBurst * self.typing.mean + (1 - withinBurst) * self.pace * self.thinking.mean
    }

    /// The same with as many conversations at once as wanted, by contacts that think for longer, or shorter: with gaps of `g`
    /// seconds, `rate * g` conversations are open (Little's law).
    func paced(conversations: Int, rate: Double) -> TrafficProfile {
        var profile = self
        let withinBurst = 1 - 1 / self.burst
        let wanted = Double(conversations) / rate
        profile.pace = max(0, wanted - withinBurst * self.typing.mean) / ((1 - withinBurst) * self.thinking.mean)
        return profile
    }
}
