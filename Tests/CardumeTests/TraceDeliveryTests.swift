import CardumeTesting
import CardumeTrials
import Foundation
import Testing

@testable import CardumeTesting

/// Traces and logs through the whole program: gateway and workers as processes, a model, a gateway server and a collector.
@Suite(.serialized, .timeLimit(.minutes(3))) struct TraceDeliveryTests {
    private static let traceID = "0af7651916cd43dd8448eb211c80319c"
    private static let parent = "00-\(traceID)-b7ad6b7169203331-01"

    private static func environment(_ collector: RunningCollector?) -> [String: String] {
        guard let collector else { return ["CARDUME_LOG_LEVEL": "debug"] }
        return [
            "CARDUME_LOG_LEVEL": "debug", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "CARDUME_TRACES_INTERVAL": "100ms",
            "CARDUME_TRACES_PSEUDONYM_KEY": "chave",
        ]
    }

    private static func post(
        _ deployment: ClusterDeployment, _ id: String, _ text: String, _ headers: [String: String]
    ) async throws -> Answer {
        try await deployment.request(
            "POST", "/webhook/evolution", headers: headers.merging(["apikey": Deployment.key]) { own, _ in own },
            body: Load.webhook(Load.contact(0), id, text))
    }

    private static func lines(_ processes: [CardumeProcess]) throws -> [[String: String]] {
        let lines = processes.flatMap { $0.output.split(separator: "\n") }
        try #require(lines.count > 10)
        return try lines.map { line in
            try #require(
                try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String], "not an object of texts: \(line)")
        }
    }

    @Test func oneTraceFromTheWebhookToTheSend() async throws {
        let running = try await RunningCollector()
        let deployment = try await ClusterDeployment()
        let environment = Self.environment(running)
        let gateway = try await deployment.startGateway(environment: environment)
        let workers = try await deployment.startWorkers(2, environment: environment)
        try await deployment.balance(over: 2)
        let answer = try await Self.post(
            deployment, "M1", "um segredo", ["traceparent": Self.parent, "tracestate": "vendor=1"])
        #expect(answer.status == 200)
        #expect(answer.headers["x-trace-id"] == Self.traceID)
        try await deployment.settle(replies: 1)
        let processes = workers + [gateway]
        for process in processes { process.signal(SIGTERM) }
        for process in processes { #expect(await process.end() == 0) }

        let collector = running.collector
        #expect(collector.problems == [])
        let spans = collector.spans.filter { $0.traceID == Self.traceID }
        let named = Dictionary(spans.map { ($0.name, $0) }) { first, _ in first }
        func span(_ name: String) throws -> CollectedSpan { try #require(named[name], "\(spans.map(\.name).sorted())") }
        let (webhook, append) = (try span("POST /webhook/evolution"), try span("append"))
        let (wait, turn) = (try span("wait suporte"), try span("turn suporte"))
        let (model, commit, send) = (try span("chat gpt-4o-mini"), try span("commit turn"), try span("send evolution"))
        #expect(webhook.parentID == "b7ad6b7169203331")
        #expect(append.parentID == webhook.spanID)
        #expect(wait.parentID == append.spanID)
        #expect(turn.parentID == append.spanID)
        #expect(model.parentID == turn.spanID)
        #expect(commit.parentID == turn.spanID)
        #expect(send.parentID == turn.spanID)
        #expect([webhook, append, wait, turn, model, commit, send].map(\.kind) == [2, 4, 1, 5, 3, 1, 3])
        #expect(Set(spans.map(\.spanID)).count == spans.count)
        #expect(spans.allSatisfy { $0.status == 0 && $0.state == "vendor=1" })
        #expect(webhook.resource["cardume.role"] == "gateway")
        #expect(turn.resource["cardume.role"] == "worker")
        #expect(webhook.resource["service.instance.id"] != turn.resource["service.instance.id"])
        #expect(wait.links == [CollectedSpan.Link(traceID: Self.traceID, spanID: turn.spanID)])
        #expect(model.beganAt >= turn.beganAt && model.endedAt <= turn.endedAt)
        #expect(webhook.attributes["http.route"] == "/webhook/evolution")
        #expect(webhook.attributes["http.response.status_code"] == "200")
        #expect(model.attributes["gen_ai.request.model"] == "gpt-4o-mini")
        #expect(Int(model.attributes["gen_ai.usage.input_tokens"] ?? "") ?? 0 > 0)
        #expect(send.attributes["server.address"] == "127.0.0.1")
        #expect(send.attributes["cardume.send.outcome"] == "accepted")
        #expect(turn.attributes["cardume.conversation"]?.utf8.count == 16)

        // What was called has seen it.
        let sent = deployment.sandbox.traceparents
        #expect(sent.map(\.traceparent) == [model, send].map { "00-\(Self.traceID)-\($0.spanID)-01" }, "\(sent)")

        // Nobody's number, and nothing that was said.
        for span in collector.spans {
            let text = "\(span)"
            #expect(!text.contains(Load.contact(0)) && !text.contains("segredo"), "\(text)")
        }
        try Self.checkLog(processes, turn: turn, gateway: [webhook, append])
    }

    /// Every line is an object, and those of the message say where they belong.
    private static func checkLog(_ processes: [CardumeProcess], turn: CollectedSpan, gateway: [CollectedSpan]) throws {
        let lines = try Self.lines(processes)
        for line in lines {
            #expect(["time", "level", "logger", "message"].allSatisfy { line[$0]?.isEmpty == false }, "\(line)")
            #expect(
                line["time"].flatMap { try? Date($0, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true)) }
                    != nil)
        }
        let own = lines.filter { $0["message_id"] == "M1" }
        let messages = Set(own.compactMap { $0["message"] })
        #expect(messages.isSuperset(of: ["message queued", "turn succeeded", "reply sent", "message finished"]), "\(messages)")
        for line in own {
            #expect(line["trace_id"] == Self.traceID, "\(line)")
            #expect(line["conversation"] == "loja-uberlandia:\(Load.contact(0))", "\(line)")
            #expect(line["assistant"] == "suporte", "\(line)")
            let isGateways = line["message"] == "message queued"
            #expect((isGateways ? gateway : [turn]).contains { $0.spanID == line["span_id"] }, "\(line)")
        }
    }

    /// Without a collector the trace goes through all the same, and headers that are none are ignored.
    @Test func withoutACollectorTheTraceIsHandedOn() async throws {
        let deployment = try await ClusterDeployment()
        let environment = Self.environment(nil)
        let gateway = try await deployment.startGateway(environment: environment)
        let workers = try await deployment.startWorkers(1, environment: environment)
        try await deployment.balance(over: 1)
        let hostile = [
            "traceparent": "00-\(Self.traceID)-0000000000000000-01", "X-Trace-ID": "'; DROP TABLE turns; --",
            "tracestate": String(repeating: "a", count: 4_000),
        ]
        let first = try await Self.post(deployment, "M1", "um", ["traceparent": Self.parent, "tracestate": "a=1"])
        try await deployment.settle(replies: 1)
        let second = try await Self.post(deployment, "M2", "dois", ["X-Trace-ID": "AAAA651916cd43dd8448eb211c80319c"])
        try await deployment.settle(replies: 2)
        let third = try await Self.post(deployment, "M3", "três", hostile)
        try await deployment.settle(replies: 3)
        let made = try #require(third.headers["x-trace-id"])
        #expect(first.headers["x-trace-id"] == Self.traceID)
        #expect(second.headers["x-trace-id"] == "aaaa651916cd43dd8448eb211c80319c")
        #expect(made != Self.traceID && made.utf8.count == 32)
        let sent = deployment.sandbox.traceparents.map(\.traceparent)
        #expect(sent.count == 6)
        #expect(sent.prefix(2) == [Self.parent, Self.parent])
        #expect(sent[2...3].allSatisfy { $0 == "00-aaaa651916cd43dd8448eb211c80319c-8448eb211c80319c-00" }, "\(sent)")
        #expect(sent[4...5].allSatisfy { $0.hasPrefix("00-\(made)-") && $0.hasSuffix("-00") }, "\(sent)")
        let lines = try Self.lines(workers + [gateway])
        #expect(lines.filter { $0["message_id"] == "M1" }.allSatisfy { $0["span_id"] == "b7ad6b7169203331" })
        for path in ["/health", "/nowhere", "/v1/messages"] {
            let answer = try await deployment.request("GET", path)
            #expect(answer.headers["x-trace-id"]?.utf8.count == 32, "\(path)")
        }
        let refused = try await deployment.request("POST", "/webhook/evolution", body: [])
        #expect(refused.status == 401)
        #expect(refused.headers["x-trace-id"]?.utf8.count == 32)
    }

    /// Whoever cannot show that they may leaves no span, whatever trace they name; the answer has its id all the same.
    @Test func strangersLeaveNoSpans() async throws {
        let running = try await RunningCollector()
        let deployment = try await Deployment()
        try await deployment.start(environment: Self.environment(running))
        let sampled = ["traceparent": Self.parent]
        let key = ["apikey": "errada"]
        let tries: [(String, String, [String: String], Int)] = [
            ("POST", "/webhook/evolution", key, 401), ("POST", "/webhook/meta", ["X-Hub-Signature-256": "sha256=00"], 401),
            ("GET", "/webhook/meta?hub.mode=subscribe&hub.verify_token=x&hub.challenge=1", [:], 403),
            ("POST", "/v1/messages", ["Authorization": "Bearer errado"], 401), ("GET", "/v1/messages", [:], 405),
            ("POST", "/v1/conversations/loja:1/release", [:], 401), ("POST", "/v1/nowhere", [:], 404),
        ]
        for (method, path, headers, status) in tries {
            let answer = try await deployment.request(
                method, path, headers: headers.merging(sampled) { $1 }, body: method == "POST" ? Array("{}".utf8) : nil)
            #expect(answer.status == status, "\(method) \(path): \(answer.body)")
            #expect(answer.headers["x-trace-id"] == Self.traceID, "\(method) \(path)")
        }
        try await deployment.deliver(Load.contact(0), "M1", "oi")
        try await deployment.settle(replies: 1)
        #expect(try await deployment.terminate() == 0)
        let spans = running.collector.spans
        #expect(spans.filter { $0.kind == 2 }.map(\.name) == ["POST /webhook/evolution"])
        #expect(!spans.contains { $0.traceID == Self.traceID })
    }

    /// What is asked of a gateway beside sending belongs to the message's trace, too.
    @Test func presencesAndSearchesCarryTheTrace() async throws {
        var options = ClusterDeployment.Options()
        options.channel = "typing: { per_character: 1ms }"
        (options.sandbox.sendFaults, options.sandbox.sendFault) = (1, .errorAfterSend)
        let deployment = try await ClusterDeployment(options)
        try await deployment.startGateway()
        _ = try await deployment.startWorkers(1)
        try await deployment.balance(over: 1)
        _ = try await Self.post(deployment, "M1", "um", ["traceparent": Self.parent])
        try await deployment.settle(replies: 1)
        let sent = deployment.sandbox.traceparents
        let paths = Set(sent.map { $0.path.split(separator: "/").prefix(2).joined(separator: "/") })
        #expect(paths == ["v1/chat", "chat/sendPresence", "message/sendText", "chat/findMessages"], "\(sent)")
        #expect(sent.allSatisfy { $0.traceparent == Self.parent }, "\(sent)")
    }

    /// A collector that hangs or refuses costs spans, not messages.
    @Test func aBadCollectorDelaysNobody() async throws {
        let running = try await RunningCollector()
        running.collector.answer([.hang(.seconds(30))], otherwise: .status(503))
        let deployment = try await Deployment()
        var environment = Self.environment(running)
        environment["CARDUME_TRACES_TIMEOUT"] = "1s"
        environment["CARDUME_TRACES_QUEUE"] = "100"
        environment["CARDUME_TRACES_SHUTDOWN_TIMEOUT"] = "500ms"
        try await deployment.start(environment: environment)
        try await deployment.deliverAll(conversations: 20, messages: 10)
        try await deployment.settle(replies: 200)
        #expect(try await deployment.terminate() == 0)
        #expect(deployment.sandbox.conversationsOutOfOrder(conversations: 20, messages: 10).isEmpty)
        #expect(running.collector.requests > 0)
        #expect(running.collector.spans.isEmpty)
        let output = try deployment.process.lines("spans were dropped")
        #expect(output.count == 1, "\(output)")
    }
}
