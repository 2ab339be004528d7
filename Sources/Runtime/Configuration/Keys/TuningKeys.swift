extension ConfigurationKey {
    static let tuning: [ConfigurationKey] = [
        .init(
            "admin.token", .text, isSecret: true,
            """
            Bearer token of /admin, on every process: live settings, status, pauses. At least 16 bytes. Without one /admin answers \
            404.
            """),
        .init(
            "assistants.*.paused", .flag, default: "false", isLive: true,
            "No turn of this assistant begins; what runs ends, what comes waits in its order. `cardume pause`, `cardume resume`."
        ),
        .init(
            "channels.*.paused", .flag, default: "false", isLive: true,
            "No turn and no send begins in this channel's conversations; what comes waits in its order."),
    ]
}
