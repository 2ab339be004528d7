import CardumeTesting
import CardumeTrials
import Foundation
import GRDB
import TestSupport
import Testing

/// Real webhooks, posted to the real program.
@Suite(.timeLimit(.minutes(3))) struct WebhookTests {
    /// A program whose model never answers, so that what was accepted stays where it can be looked at.
    private static func deployment(extra: String = "") async throws -> Deployment {
        var settings = SandboxSettings()
        settings.modelLatency = .seconds(3600)...(.seconds(3600))
        let deployment = try await Deployment(settings, extra: extra)
        try await deployment.start()
        return deployment
    }

    @Test func everySampleHasItsStatusAndIsStored() async throws {
        let deployment = try await Self.deployment()
        for file in WireSamples.all.files {
            let headers =
                file.source == "meta"
                ? ["X-Hub-Signature-256": file.x_hub_signature_256 ?? ""] : ["apikey": Deployment.key]
            let answer = try await deployment.request("POST", "/webhook/\(file.source)", headers: headers, body: file.body)
            let allowed =
                [file.http_status_hint]
                + (file.accept_also ?? []).map { $0 == "reject" && file.source == "evolution" ? 400 : 200 }
            #expect(allowed.contains(answer.status), "\(file.file): \(answer.status) \(answer.body)")
            let stored = try Self.stored(deployment, file)
            let isReject = answer.status == 400
            for expected in isReject ? [] : file.expected {
                let row = stored.first { $0.messageID == expected.message_id && $0.conversation == expected.conversation_id }
                #expect(row != nil, "\(file.file): not stored")
                #expect(row?.kind == expected.type, "\(file.file)")
                #expect(row?.sentAt == expected.timestamp, "\(file.file)")
                if let bytes = expected.text_utf8_bytes {
                    #expect(row?.text?.utf8.count == bytes)
                } else {
                    #expect(row?.text.map { Array($0.utf8) } == expected.text.map { Array($0.utf8) }, "\(file.file)")
                }
            }
        }
        let expected = WireSamples.all.files.reduce(0) { $0 + $1.expected.count }
        #expect(try deployment.rows("SELECT count(*) FROM queue") == ["\(expected)"], "nothing else was stored")
        // A batch with one bad message is recorded, too, beside what was good in it.
        let rejectedMeta = 1 + WireSamples.all.files.count { $0.source == "meta" && $0.outcome == "reject" }
        #expect(
            try deployment.rows("SELECT count(*) FROM rejected_webhooks WHERE source = 'meta'") == ["\(rejectedMeta)"])
    }

    private struct Stored {
        let conversation, messageID, kind: String
        let text: String?
        let sentAt: Int64?
    }

    private static func stored(_ deployment: Deployment, _ file: WireSamples.File) throws -> [Stored] {
        var configuration = Configuration()
        configuration.readonly = true
        let queue = try DatabaseQueue(path: deployment.data + "/cardume.sqlite", configuration: configuration)
        defer { try? queue.close() }
        return try queue.read { db in
            try Row.fetchAll(db, sql: "SELECT conversation, message_id, kind, CAST(text AS BLOB), sent_at FROM queue").map {
                let text = ($0[3] as Data?).map { String(decoding: $0, as: UTF8.self) }
                return Stored(conversation: $0[0], messageID: $0[1], kind: $0[2], text: text, sentAt: $0[4])
            }
        }
    }

    @Test func everySignatureCase() async throws {
        let deployment = try await Self.deployment()
        for signature in WireSamples.all.signature_cases {
            let headers = signature.header.map { ["X-Hub-Signature-256": $0] } ?? [:]
            let answer = try await deployment.request(
                "POST", "/webhook/meta", headers: headers, body: WireSamples.body(signature.file))
            let allowed = [signature.status] + (signature.accept_also ?? [])
            #expect(allowed.contains(answer.status), "\(signature.note ?? signature.file): \(answer.status)")
        }
    }

    @Test func everyVerificationCase() async throws {
        for verification in WireSamples.all.verification_cases {
            var settings = SandboxSettings()
            settings.modelLatency = .zero...(.zero)
            let deployment = try await Deployment(settings)
            try await deployment.start(environment: ["CARDUME_META_WEBHOOK_VERIFY_TOKEN": verification.verify_token])
            let answer = try await deployment.request("GET", "/webhook/meta?\(verification.query)")
            let allowed = [verification.status] + (verification.accept_also ?? [])
            #expect(allowed.contains(answer.status), "\(verification.query): \(answer.status)")
            if let body = verification.body { #expect(answer.body == body) }
        }
    }

    /// In through Meta's door, out through Meta's channel: by number, and by user id where the number is hidden.
    @Test func metaMessagesAreAnsweredThroughMeta() async throws {
        var settings = SandboxSettings()
        settings.modelLatency = .zero...(.zero)
        let deployment = try await Deployment(
            settings, extra: "  \"109876543210987\": { kind: meta, base_url: SANDBOX, key: qualquer }")
        try await deployment.start()
        for name in ["meta-text.json", "meta-bsuid.json"] {
            let body = WireSamples.body(name)
            let headers = ["X-Hub-Signature-256": Deployment.signature(body)]
            #expect(try await deployment.request("POST", "/webhook/meta", headers: headers, body: body).status == 200)
        }
        try await deployment.settle(replies: 2)
        let sends = deployment.sandbox.sends
        #expect(Set(sends.map(\.instance)) == ["109876543210987"])
        #expect(Set(sends.map(\.number)) == ["553499990041", "BR.1502576394655843"])
        #expect(try deployment.rows("SELECT provider_id FROM sends").allSatisfy { $0.hasPrefix("wamid.") })
    }

    @Test func eventsMayBeNamedInThePath() async throws {
        let deployment = try await Self.deployment()
        let body = Load.webhook("5534", "A", "oi")
        for path in ["/webhook/evolution/messages-upsert", "/webhook/evolution//messages-upsert"] {
            let answer = try await deployment.request("POST", path, headers: ["apikey": Deployment.key], body: body)
            #expect(answer.status == 200)
        }
        #expect(try deployment.rows("SELECT count(*) FROM queue") == ["1"], "the second was a duplicate")
    }

    /// The same message twice, both waiting: one is a duplicate, and both are answered.
    @Test func waitingTwiceForOneMessageEnds() async throws {
        var settings = SandboxSettings()
        settings.modelLatency = .milliseconds(300)...(.milliseconds(300))
        let deployment = try await Deployment(settings)
        try await deployment.start()
        let bearer = ["Authorization": "Bearer \(Deployment.token)"]
        let body = Array(#"{"channel":"loja","contact":"1","text":"oi","id":"x","wait":20}"#.utf8)
        async let first = deployment.request("POST", "/v1/messages", headers: bearer, body: body)
        async let second = deployment.request("POST", "/v1/messages", headers: bearer, body: body)
        let statuses = try await [first.body, second.body].map { body in
            ["answered", "duplicate"].first { body.contains("\"status\":\"\($0)\"") } ?? body
        }
        #expect(statuses.sorted() == ["answered", "duplicate"])
        #expect(try await deployment.terminate() == 0)
    }

    @Test func badInputGetsAClearAnswer() async throws {
        let deployment = try await Self.deployment(extra: "")
        let key = ["apikey": Deployment.key]
        let bearer = ["Authorization": "Bearer \(Deployment.token)"]
        let cases: [(String, String, [String: String], [UInt8]?, Int)] = [
            ("POST", "/webhook/evolution", [:], Load.webhook("1", "A", "oi"), 401),
            ("POST", "/webhook/evolution", ["apikey": "errada"], Load.webhook("1", "A", "oi"), 401),
            (
                "POST", "/webhook/evolution", ["Authorization": "Bearer \(Deployment.key)"], Load.webhook("1", "B", "oi"),
                200
            ),
            ("POST", "/webhook/evolution", key, Array("{\"event\":".utf8), 400),
            ("POST", "/webhook/evolution", key, Array(repeating: 32, count: 1_048_577), 413),
            ("GET", "/webhook/evolution", key, nil, 405),
            ("POST", "/webhook/outro", key, [], 404),
            ("GET", "/", [:], nil, 404),
            ("DELETE", "/v1/messages", bearer, nil, 405),
            ("POST", "/v1/messages", [:], Array("{}".utf8), 401),
            ("POST", "/v1/messages", ["Authorization": "Bearer errado"], Array("{}".utf8), 401),
            ("POST", "/v1/messages", bearer, Array("{}".utf8), 400),
            ("POST", "/v1/messages", bearer, Array("[1".utf8), 400),
            ("POST", "/v1/messages", bearer, Array(#"{"channel":"loja","contact":"a:b","text":"oi"}"#.utf8), 400),
            ("POST", "/v1/messages", bearer, Array(#"{"channel":"loja","contact":"1","text":"  "}"#.utf8), 400),
            ("POST", "/v1/messages", bearer, Array(#"{"channel":"loja","contact":"1","text":"oi","id":"x"}"#.utf8), 202),
            ("POST", "/v1/messages", bearer, Array(#"{"channel":"loja","contact":"1","text":"oi","id":"x"}"#.utf8), 200),
            ("GET", "/health", [:], nil, 200), ("GET", "/health/live", [:], nil, 200), ("GET", "/health/ready", [:], nil, 200),
        ]
        for (method, path, headers, body, status) in cases {
            let answer = try await deployment.request(method, path, headers: headers, body: body)
            #expect(answer.status == status, "\(method) \(path): \(answer.body)")
            if status >= 400, method != "HEAD" { #expect(answer.body.hasPrefix("{\"error\":{\"code\":\""), "\(answer.body)") }
        }
        let truncated = Array("{\"object\":\"whatsapp".utf8)
        let signed = try await deployment.request(
            "POST", "/webhook/meta", headers: ["X-Hub-Signature-256": Deployment.signature(truncated)], body: truncated)
        #expect(signed.status == 200)
        #expect(try deployment.rows("SELECT count(*) FROM rejected_webhooks WHERE source = 'meta'") == ["1"])
        #expect(try deployment.process.output.contains(Deployment.key) == false, "a secret was logged")
        #expect(try deployment.process.output.contains(Deployment.token) == false, "a secret was logged")
    }
}
