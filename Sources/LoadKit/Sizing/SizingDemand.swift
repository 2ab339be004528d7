package import CardumeTesting

/// What a deployment is to do.
package struct SizingDemand: Sendable {
    /// Messages per second.
    package var rate: Double
    /// Messages in the busiest hour.
    package var peakPerHour: Double
    /// Conversations at once.
    package var conversations: Double
    /// How long model calls take.
    package var model: LogNormal
    /// Of a model call, prompt and answer.
    package var tokens: Double

    package init(rate: Double, peakPerHour: Double, conversations: Double, model: LogNormal, tokens: Double) {
        self.rate = rate
        self.peakPerHour = peakPerHour
        self.conversations = conversations
        self.model = model
        self.tokens = tokens
    }
}
