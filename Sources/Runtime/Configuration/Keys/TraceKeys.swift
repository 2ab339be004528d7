extension ConfigurationKey {
    static let traces: [ConfigurationKey] = [
        .init(
            "traces.endpoint", .url, alias: "OTEL_EXPORTER_OTLP_ENDPOINT",
            "Address of an OpenTelemetry collector that takes OTLP over HTTP; `/v1/traces` is appended. Without one no spans are made."
        ),
        .init(
            "traces.headers", .text, isSecret: true, alias: "OTEL_EXPORTER_OTLP_HEADERS",
            "Headers of requests to it: `name=value`, separated by commas, values percent-encoded."),
        .init(
            "traces.service_name", .text, default: "cardume", alias: "OTEL_SERVICE_NAME", "`service.name` of all spans."),
        .init(
            "traces.resource", .text, default: "", alias: "OTEL_RESOURCE_ATTRIBUTES",
            "Further attributes of this process: `name=value`, separated by commas, values percent-encoded."),
        .init(
            "traces.sample_ratio", .number(0...1), default: "1", alias: "OTEL_TRACES_SAMPLER_ARG", isLive: true,
            "Part of the traces begun here that is recorded. Of those begun elsewhere, those that are recorded there."),
        .init(
            "traces.pseudonym_key", .text, isSecret: true,
            "With it, spans carry hashes of conversations and messages, keyed with it; without, nothing of them."),
        .init(
            "traces.interval", .duration(.milliseconds(10)...second * 60), default: "5s", isLive: true,
            "Spans wait so long for more of them, at most."),
        .init(
            "traces.batch", .integer(1...10_000), default: "512", alias: "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", isLive: true,
            "Spans of one request at most; so many do not wait."),
        .init(
            "traces.queue", .integer(1...1_000_000), default: "8192", alias: "OTEL_BSP_MAX_QUEUE_SIZE", isLive: true,
            "Spans that wait for the collector at most; more are dropped and counted."),
        .init(
            "traces.timeout", .duration(.milliseconds(10)...second * 60), default: "10s", isLive: true,
            "For one request to the collector."),
        .init(
            "traces.shutdown_timeout", .duration(.zero...second * 60), default: "3s", isLive: true,
            "How long the last spans may delay the end of the process."),
    ]
}
