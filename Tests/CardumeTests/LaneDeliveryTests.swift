import CardumeTesting
import CardumeTrials
import Foundation
import Testing

@testable import CardumeTesting

/// Lanes with queues of their own, through the whole program.
@Suite(.serialized, .timeLimit(.minutes(3))) struct LaneDeliveryTests {
    private static func image(_ contact: String, _ id: String, _ caption: String) -> [UInt8] {
        Array(
            """
            {"event":"messages.upsert","instance":"loja-uberlandia","data":{"key":{"remoteJid":"\(contact)@s.whatsapp.net",\
            "fromMe":false,"id":"\(id)"},"pushName":"Marina","message":{"imageMessage":{"caption":"\(caption)",\
            "mimetype":"image/jpeg"}},"messageType":"imageMessage","messageTimestamp":1795176000}}
            """.utf8)
    }

    /// One worker serves the ordinary queues, another the images. Each answers what is its, and the order holds, also while the
    /// one for images is killed and another one takes its place.
    @Test func workersServeTheirLanesInOrder() async throws {
        var settings = SandboxSettings()
        settings.modelLatency = .zero...(.milliseconds(30))
        settings.seed = 7
        var options = ClusterDeployment.Options(sandbox: settings)
        options.assistants = ["suporte": "lanes: { image: { separate: true, slots: 4 } }"]
        options.channel = "assistant: suporte"
        let deployment = try await ClusterDeployment(options)
        let ordinary = try await deployment.start("worker", environment: ["CARDUME_LANES": "light"])
        let images = try await deployment.start("worker", environment: ["CARDUME_LANES": "image"])
        try await deployment.startGateway()
        let leases = try await deployment.balance(over: 2, queues: 2)
        let owners = Dictionary(grouping: leases.holders) { $0.key.prefix { $0 != "/" } }.mapValues { Set($0.map(\.value)) }
        #expect(owners["suporte"]?.count == 1 && owners["suporte@image"]?.count == 1)
        let (conversations, messages) = (12, 16)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for conversation in 0..<conversations {
                group.addTask {
                    let contact = Load.contact(conversation)
                    for message in 0..<messages {
                        let id = "C\(conversation)M\(message)"
                        guard (conversation + message) % 4 == 3 else {
                            try await deployment.deliver(contact, id, "mensagem \(message)")
                            continue
                        }
                        let answer = try await deployment.request(
                            "POST", "/webhook/evolution", headers: ["apikey": Deployment.key],
                            body: Self.image(contact, id, "mensagem \(message)"))
                        #expect(answer.status == 200, "\(answer.body)")
                    }
                }
            }
            group.addTask {
                try await deployment.sent(40)
                images.signal(SIGKILL)
                _ = await images.end()
                _ = try await deployment.start("worker", environment: ["CARDUME_LANES": "image"])
            }
            try await group.waitForAll()
        }
        try await deployment.settle(replies: conversations * messages, within: .seconds(90))
        let doubts = try await deployment.number("SELECT coalesce(sum(ambiguous_attempts), 0) FROM cardume.sends")
        for conversation in 0..<conversations {
            let sends = deployment.sandbox.sends.filter { $0.number == "\(Load.contact(conversation))@s.whatsapp.net" }
            let numbers = sends.compactMap { send in
                send.text.firstMatch(of: #/mensagem ([0-9]+)/#).flatMap { Int($0.1) }
            }
            let unique = numbers.reduce(into: [Int]()) { if !$0.contains($1) { $0.append($1) } }
            #expect(unique == Array(0..<messages), "\(conversation): \(numbers)")
            #expect(numbers.count - unique.count <= doubts)
        }
        #expect(try await deployment.rows("SELECT message_id FROM cardume.dead_letters") == [])
        // Every fourth was an image, and none of them was answered by the worker for the others; what may have been running when the
        // images' worker died is answered where it is found.
        let ordinaryReplies = ordinary.lines("reply sent").count
        #expect((conversations * messages * 3 / 4 - conversations...conversations * messages * 3 / 4).contains(ordinaryReplies))
    }
}
