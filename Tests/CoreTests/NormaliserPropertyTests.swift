import CardumeCore
import CardumeTesting
import Foundation
import TestSupport
import Testing

/// What must hold of every webhook that is taken, by seed.
@Suite struct NormaliserPropertyTests {
    private static let arrival = Arrival(
        receivedAt: Timestamp(milliseconds: 1_795_200_000_000), traceID: "0af7651916cd43dd8448eb211c80319c")

    private static func evolution(_ json: Any) throws -> NormalisedWebhook {
        try EvolutionNormaliser.normalise(Array(JSONSerialization.data(withJSONObject: json)), arrival: self.arrival)
    }

    /// An Evolution message in which only these things vary.
    private static func upsert(jid: String, alternative: String? = nil, content: [String: Any]) -> [String: Any] {
        var key: [String: Any] = ["remoteJid": jid, "fromMe": false, "id": "3EB0"]
        if let alternative { key["remoteJidAlt"] = alternative }
        return ["event": "messages.upsert", "instance": "loja", "data": ["key": key, "message": content]]
    }

    /// The same members in another order, with white space and members nobody knows: the same message.
    @Test func spellingDoesNotMatter() throws {
        var generator = SeededGenerator(seed: 17)
        var count = 0
        for file in WireSamples.all.files where file.body.count < 6_000 {
            guard let object = try? JSONSerialization.jsonObject(with: Data(file.body)) as? [String: Any] else { continue }
            let normalise = file.source == "meta" ? MetaNormaliser.normalise : EvolutionNormaliser.normalise
            guard let first = try? normalise(file.body, Self.arrival), !first.messages.isEmpty else { continue }
            count += 1
            for _ in 0..<2 {
                var noisy = object
                noisy["campo-\(Int.random(in: 0..<1_000, using: &generator))"] = [["a": NSNull()], 1, "é"] as [Any]
                let options: JSONSerialization.WritingOptions =
                    Bool.random(using: &generator) ? [.prettyPrinted] : [.sortedKeys]
                let body = Array(try JSONSerialization.data(withJSONObject: noisy, options: options))
                #expect(try normalise(body, Self.arrival).messages == first.messages, "\(file.file)")
            }
        }
        #expect(count > 50, "samples with messages")
    }

    /// A message with two contents: which of them counts must not depend on the order in which a decoder names them, which
    /// differs from one reading to the next.
    @Test(arguments: [
        #"{"conversation": "oi", "imageMessage": {"caption": "foto"}}"#,
        #"{"novidadeA": {"text": "a"}, "novidadeB": {"contextInfo": {"stanzaId": "X"}}}"#,
        #"{"ephemeralMessage": {"message": {"conversation": "1"}}, "viewOnceMessage": {"message": {"conversation": "2"}}}"#,
    ])
    func twoContentsReadTheSameEachTime(_ json: String) throws {
        let content = try #require(try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any])
        let webhook = Self.upsert(jid: "5534999990001@s.whatsapp.net", content: content)
        let first = try Self.evolution(webhook)
        #expect(first.messages.count == 1)
        // The order hangs on where in memory the decoder's dictionary lies.
        var kept: [[Int]] = []
        for index in 0..<200 {
            #expect(try Self.evolution(webhook) == first)
            kept.append(Array(0..<(index % 37)))
        }
    }

    /// A contact is the same under all forms of the number that the gateway writes.
    @Test func formsOfANumberAreOneConversation() throws {
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<200 {
            let number =
                "55\(Int.random(in: 11...99, using: &generator))9\(Int.random(in: 10_000_000...99_999_999, using: &generator))"
            let device = Int.random(in: 0...99, using: &generator)
            let hidden = "\(Int.random(in: 100_000_000_000...999_999_999_999, using: &generator))@lid"
            let forms: [(jid: String, alternative: String?)] = [
                ("\(number)@s.whatsapp.net", nil), ("\(number):\(device)@s.whatsapp.net", nil),
                ("\(number)@s.whatsapp.net", hidden), (hidden, "\(number)@s.whatsapp.net"),
            ]
            let messages = try forms.flatMap {
                try Self.evolution(Self.upsert(jid: $0.jid, alternative: $0.alternative, content: ["conversation": "oi"]))
                    .messages
            }
            #expect(messages.count == forms.count)
            #expect(Set(messages.map(\.conversation)) == [Conversation.ID(channel: "loja", contact: ContactID(number))])
            let unknown = try Self.evolution(Self.upsert(jid: hidden, content: ["conversation": "oi"])).messages
            #expect(unknown.map(\.conversation.contact.rawValue) == [hidden], "whose number nobody gave")
        }
    }
}
