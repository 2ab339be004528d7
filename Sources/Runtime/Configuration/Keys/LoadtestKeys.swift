extension ConfigurationKey {
    static let loadtest: [ConfigurationKey] = [
        .init(
            "loadtest.consent", .text, isSecret: true,
            "What cardume-loadtest must bring before it puts load on this deployment. Without it, the deployment does not consent."
        ),
        .init(
            "loadtest.max_rate", .integer(1...5_000), default: "300", isLive: true,
            "Messages per second that it is then allowed at most."),
    ]
}
