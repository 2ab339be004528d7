import CardumeCore
import CardumeRuntime
import Testing

@Suite struct RoutingConfigurationTests {
    private static func load(_ yaml: String, _ environment: [String: String] = [:]) throws -> CardumeConfiguration {
        try CardumeConfiguration(yaml: yaml, file: "c.yaml", environment: environment)
    }

    @Test func defaultsAreTheDocumentedOnes() throws {
        let configuration = try Self.load("channels: { loja: { kind: evolution, base_url: \"http://e\", key: k } }")
        #expect(configuration.breakers == BreakerSettings())
        let channel = configuration.channels[0]
        #expect(channel.servers.isEmpty)
        #expect(channel.gateways == GatewaySettings(healthCheck: .seconds(30), jitter: .seconds(1)))
        #expect(channel.byServer.map(\.name) == [nil])
    }

    @Test func serversHaveTheirOwnAddressesKeysAndWeights() throws {
        let configuration = try Self.load(
            """
            breakers: { timeout: 5s, model_timeout: 7s, error_ratio: 0.25, window: 30s, minimum_calls: 4, open_for: 9s, probes: 2 }
            channels:
              loja:
                kind: evolution
                key: comum
                routing: round_robin
                health_check: 0s
                pacing: { per_minute: 20, burst: 3, jitter: 2s }
                typing: { per_character: 40ms, max: 6s }
                servers:
                  um: { base_url: "http://um", weight: 3 }
                  dois: { base_url: "http://dois", key: próprio }
            """, ["CARDUME_CHANNELS_LOJA_SERVERS_DOIS_WEIGHT": "7"])
        let breaker = CircuitBreaker.Settings(
            callTimeout: .seconds(5), errorRatio: 0.25, window: .seconds(30), minimumCalls: 4, openFor: .seconds(9), probes: 2)
        #expect(configuration.breakers.gateway == breaker)
        #expect(configuration.breakers.model.callTimeout == .seconds(7))
        let channel = configuration.channels[0]
        #expect(channel.byServer.map(\.name) == ["um", "dois"])
        #expect(channel.byServer.map(\.settings.baseURL) == ["http://um", "http://dois"])
        #expect(channel.byServer.map(\.settings.key) == ["comum", "próprio"])
        #expect(
            channel.gateways
                == GatewaySettings(
                    policy: .roundRobin, weights: ["um": 3, "dois": 7], pacing: TokenBucket.Settings(perMinute: 20, burst: 3),
                    jitter: .seconds(2), typingPerCharacter: .milliseconds(40), typingLimit: .seconds(6)))
    }

    @Test func whatIsMissingIsNamed() {
        do {
            _ = try Self.load("channels: { loja: { kind: evolution, servers: { um: { weight: 2 } } } }")
            Issue.record("accepted")
        } catch {
            let problems = (error as? ConfigurationProblems)?.problems.map(\.key) ?? []
            #expect(problems == ["channels.loja.servers.um.base_url", "channels.loja.servers.um.key"])
        }
    }

    @Test(arguments: [
        "breakers: { error_ratio: 0 }", "breakers: { probes: 0 }",
        "channels: { loja: { servers: { um: { weight: 1001 } } } }", "channels: { loja: { routing: random } }",
    ])
    func whatIsOutOfRangeIsRefused(_ yaml: String) {
        #expect(throws: ConfigurationProblems.self) { try Self.load(yaml) }
    }

    @Test func limitsWeightsAndTimesMayChangeWhileItRuns() {
        let keys = ConfigurationKey.all.filter { key in
            ["breakers.", "channels.*.pacing", "channels.*.typing", "channels.*.routing", "channels.*.health_check"]
                .contains { key.path.hasPrefix($0) } || key.path == "channels.*.servers.*.weight"
        }
        #expect(keys.count == 15)
        #expect(keys.allSatisfy { $0.isLive })
    }
}
