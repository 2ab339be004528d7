import CardumeCore

extension ConfigurationKey {
    /// Which messages are answered together, and what becomes of late replies.
    static let turns: [ConfigurationKey] = [
        .init(
            "assistants.*.debounce.wait", .duration(.zero...(.seconds(60))), default: "0s", isLive: true,
            "How long after a message the conversation waits for another one, to answer both together. 0s: not at all."),
        .init(
            "assistants.*.debounce.max_wait", .duration(.zero...(.seconds(300))), default: "10s", isLive: true,
            "How long after the first message of a burst it waits at most."),
        .init(
            "assistants.*.debounce.max_messages", .integer(1...1000), default: "20", isLive: true,
            "Messages answered together at most; never more than `conversation_credits`."),
        .init(
            "assistants.*.on_new_message", .choice(TurnPolicy.NewMessage.allCases.map(\.rawValue)), default: "queue",
            isLive: true,
            "What a message does that comes while the model is being asked: it waits, or the model is asked anew about all."),
        .init(
            "assistants.*.late.after", .duration(.zero...(.seconds(86_400))), default: "0s", isLive: true,
            "From a message's arrival until its reply is ready; what takes longer is late. 0s: nothing is."),
        .init(
            "assistants.*.late.action", .choice(TurnPolicy.Late.Action.allCases.map(\.rawValue)), default: "send", isLive: true,
            "What becomes of a late reply: sent; sent behind `late.apology`; dropped; or, once, answered together with a newer message where one waits."
        ),
        .init(
            "assistants.*.late.apology", .text, default: "Desculpe a demora.", isLive: true, "What `apologise` says first."),
    ]
}
