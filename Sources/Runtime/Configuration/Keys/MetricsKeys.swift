extension ConfigurationKey {
    static let metrics: [ConfigurationKey] = [
        .init(
            "metrics.enabled", .flag, default: "true",
            """
            Whether figures are counted, and shown at `/metrics` to whoever reaches `http.port`: keep that path inside, by a \
            network policy or a proxy.
            """)
    ]
}
