import CardumeCore
import Testing

@testable import CardumeRuntime

@Suite struct TraceSettingsTests {
    private static func settings(_ yaml: String, _ environment: [String: String] = [:]) throws -> TraceSettings? {
        try CardumeConfiguration(yaml: yaml, file: "c.yaml", environment: environment).traces
    }

    @Test func withoutACollectorThereIsNothing() throws {
        #expect(try Self.settings("") == nil)
        #expect(try Self.settings("traces: { sample_ratio: 0.5 }") == nil)
    }

    @Test func theStandardsVariablesCount() throws {
        let settings = try #require(
            try Self.settings(
                "",
                [
                    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318/", "OTEL_SERVICE_NAME": "loja",
                    "OTEL_TRACES_SAMPLER_ARG": "0.25", "OTEL_EXPORTER_OTLP_HEADERS": "api-key=abc,x=%20y",
                    "OTEL_RESOURCE_ATTRIBUTES": "k8s.pod.name=p-1, deployment.environment=prod",
                ]))
        #expect(settings.url == "http://collector:4318/v1/traces")
        #expect(settings.serviceName == "loja")
        #expect(settings.sampleRatio == 0.25)
        #expect(settings.headers == ["api-key": "abc", "x": " y"])
        #expect(settings.resource == ["k8s.pod.name": "p-1", "deployment.environment": "prod"])
        let own = try #require(
            try Self.settings(
                "traces: { endpoint: \"http://a\", sample_ratio: 0.5 }",
                ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://b", "CARDUME_TRACES_ENDPOINT": "http://c"]))
        #expect(own.url == "http://c/v1/traces")
        #expect(own.sampleRatio == 0.5)
    }

    @Test(arguments: ["resource: a", "headers: \"=1\"", "headers: \"a=%zz\"", "resource: \"a=%0Ab\""])
    func whatIsNoListOfPairsIsRefused(_ line: String) {
        let problems = #expect(throws: ConfigurationProblems.self) {
            try Self.settings("traces: { endpoint: \"http://a\", \(line) }")
        }
        #expect(problems?.problems.count == 1)
        #expect(problems?.description.contains("expected name=value") == true)
    }
}
