extension ConfigurationKey {
    static let secrets: [ConfigurationKey] = [
        .init(
            "secrets.overlap", .duration(.zero...hour * 168), default: "1h", isLive: true,
            "How long a replaced secret of a door (API token, webhook key, app secret) still counts.")
    ]
}
