import CardumeCore
import CardumeTesting
import Foundation
import JWTKit
import Testing

@testable import CardumeLoadtest

/// Bodies must be what the runtime takes for real.
@Suite struct ComposerTests {
    private static let lines = ChannelLines(prefix: "carga-", assistants: ["suporte", "financeiro"])
    private static let composer = MessageComposer(lines: Self.lines, numbers: FakeNumbers(offset: 7), run: "k3f9")

    private static func message(
        _ kind: TrafficProfile.Kind, _ source: PlannedMessage.Source, index: Int = 36
    ) -> PlannedMessage {
        PlannedMessage(
            index: index, step: 0, conversation: 5, position: 1, kind: kind, assistant: "suporte", source: source)
    }

    private static func normalised(_ message: PlannedMessage) throws -> InboundMessage {
        let body = Array(Self.composer.body(of: message, at: 1_795_176_000).utf8)
        let arrival = Arrival(receivedAt: Timestamp(milliseconds: 0), traceID: "t")
        let webhook =
            try message.source == .meta
            ? MetaNormaliser.normalise(body, arrival: arrival) : EvolutionNormaliser.normalise(body, arrival: arrival)
        #expect(webhook.ignored == nil)
        return try #require(webhook.messages.first)
    }

    @Test(arguments: TrafficProfile.Kind.allCases, [PlannedMessage.Source.evolution, .meta])
    func webhooksAreReadAsTheyWereMeant(kind: TrafficProfile.Kind, source: PlannedMessage.Source) throws {
        let message = Self.message(kind, source)
        let read = try Self.normalised(message)
        let kinds: [TrafficProfile.Kind: MessageKind] = [.text: .text, .audio: .audio, .image: .image, .document: .document]
        #expect(read.kind == kinds[kind])
        #expect(read.conversation.contact.rawValue == "5500900000012")
        #expect(read.conversation.channel.rawValue == (source == .meta ? "900000000000011" : "carga-suporte"))
        #expect(read.id.rawValue.hasSuffix("CARGAK3F910"))
        #expect(read.sentAt == 1_795_176_000)
        let tokens = MessageToken.parts(of: "Recebi: \(read.contextText)")
        #expect(tokens == [message.isMute ? nil : MessageToken(run: "k3f9", index: 36)], "\(read.contextText)")
    }

    @Test func bodiesAreAsLargeAsRealOnes() {
        let text = Self.composer.body(of: Self.message(.text, .evolution), at: 1).utf8.count
        let audio = Self.composer.body(of: Self.message(.audio, .evolution), at: 1).utf8.count
        #expect((900...3_000).contains(text), "\(text)")
        #expect((2_000...6_000).contains(audio), "\(audio)")
    }

    @Test func apiCallsAreJSON() throws {
        let body = Self.composer.body(of: Self.message(.image, .api), at: 1)
        let object = try #require(JSONSerialization.jsonObject(with: Data(body.utf8)) as? [String: Any])
        #expect(object["contact"] as? String == "5500900000012")
        #expect((object["text"] as? String)?.contains("#k3f9-10") == true)
    }

    @Test func everyPhraseFitsIntoJSON() throws {
        for index in 0..<500 {
            let text = Phrases.text(for: Self.message(.text, .evolution, index: index))
            #expect(!text.contains("\"") && !text.contains("\\") && !text.contains(" | ") && !text.contains("#"), "\(text)")
        }
    }

    @Test func numbersBelongToNobody() {
        let numbers = FakeNumbers(offset: FakeNumbers.count - 2)
        for conversation in 0..<5 {
            let contact = numbers.contact(conversation)
            #expect(contact.hasPrefix("5500") && contact.count == 13, "no area code is 00")
            #expect(numbers.conversation(of: contact + "@s.whatsapp.net") == conversation)
        }
        #expect(numbers.conversation(of: "5534999990001") == nil)
        #expect(numbers.conversation(of: "status@broadcast") == nil)
    }

    // MARK: Signatures

    @Test func metaBodiesAreSigned() {
        let headers = SenderSecrets(metaAppSecret: "key").headers(
            for: .meta, body: "The quick brown fox jumps over the lazy dog", at: 0)
        #expect(headers.map(\.name) == ["X-Hub-Signature-256"])
        #expect(
            headers.first?.value == "sha256=f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8", "a known vector")
    }

    @Test func evolutionBringsAKeyOrAToken() async throws {
        struct Claims: JWTPayload {
            let exp: ExpirationClaim
            let app: String

            func verify(using _: some JWTAlgorithm) throws { try self.exp.verifyNotExpired() }
        }
        #expect(SenderSecrets(evolutionKey: "k").headers(for: .evolution, body: "", at: 0).map(\.value) == ["k"])
        let secret = "um segredo de pelo menos 32 bytes, veja"
        let now = Int(Date().timeIntervalSince1970)
        let header = SenderSecrets(evolutionKey: "k", evolutionJWTSecret: secret).headers(for: .evolution, body: "", at: now)
        let token = try #require(header.first?.value.dropFirst(7))
        let keys = await JWTKeyCollection().add(hmac: HMACKey(from: Data(secret.utf8)), digestAlgorithm: .sha256)
        #expect(try await keys.verify(String(token), as: Claims.self).app == "evolution")
    }
}
