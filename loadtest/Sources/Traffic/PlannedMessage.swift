/// One message of the load, as it is drawn beforehand.
struct PlannedMessage: Hashable, Sendable {
    enum Source: String, Sendable, Codable {
        case evolution
        case meta
        /// `POST /v1/messages`.
        case api
    }

    /// In the run, from 0.
    let index: Int
    /// Of the run's steps.
    let step: Int
    /// From 0.
    let conversation: Int
    /// In the conversation, from 0.
    let position: Int
    let kind: TrafficProfile.Kind
    let assistant: String
    let source: Source
}
