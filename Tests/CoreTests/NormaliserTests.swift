import CardumeCore
import Foundation
import TestSupport
import Testing

@Suite struct NormaliserTests {
    private static let arrival = Arrival(
        receivedAt: Timestamp(milliseconds: 1_795_200_000_000), traceID: "0af7651916cd43dd8448eb211c80319c")

    private static func normalise(_ file: WireSamples.File) throws(WireRejection) -> NormalisedWebhook {
        file.source == "meta"
            ? try MetaNormaliser.normalise(file.body, arrival: Self.arrival)
            : try EvolutionNormaliser.normalise(file.body, arrival: Self.arrival)
    }

    @Test func thereAreAllSamples() {
        #expect(WireSamples.all.files.count == 128)
    }

    @Test(arguments: WireSamples.all.files)
    func sampleHasItsOutcome(_ file: WireSamples.File) {
        let webhook: NormalisedWebhook
        do {
            webhook = try Self.normalise(file)
        } catch {
            let isAllowed = file.outcome == "reject" || file.accept_also?.contains("reject") ?? false
            #expect(isAllowed, "rejected: \(error)")
            return
        }
        #expect(file.outcome != "reject", "\(webhook)")
        // What is dropped as a duplicate is the log's to know.
        guard file.after == nil else { return }
        #expect(webhook.messages.count == file.expected.count)
        for (message, expected) in zip(webhook.messages, file.expected) {
            #expect(message.conversation.rawValue == expected.conversation_id)
            #expect(message.id.rawValue == expected.message_id)
            #expect(message.kind.rawValue == expected.type)
            #expect(message.sentAt == expected.timestamp)
            if let bytes = expected.text_utf8_bytes {
                #expect(message.text?.utf8.count == bytes)
            } else {
                #expect(message.text.map { Array($0.utf8) } == expected.text.map { Array($0.utf8) })
            }
        }
    }

    @Test(arguments: WireSamples.all.files.filter { $0.expected_status != nil })
    func statusSampleGivesItsNotice(_ file: WireSamples.File) throws {
        let notices = try Self.normalise(file).notices
        let expected = (file.expected_status ?? []).map { status in
            status.message_id.map { GatewayNotice.delivery(messageID: $0, status: status.status ?? "") }
                ?? GatewayNotice.connection(instance: status.instance ?? "", state: status.state ?? "")
        }
        #expect(notices == expected)
    }

    @Test func detailsAreKept() throws {
        func details(_ name: String) throws -> InboundMessage.Details? {
            let file = try #require(WireSamples.all.files.first { $0.file == name })
            return try Self.normalise(file).messages.first?.details
        }
        #expect(try details("evolution-text-quoted.json")?.quotedMessageID == "3EB02C95AEFB7BFB827EE0")
        #expect(try details("meta-list-reply.json")?.selectionID == "opt-3")
        #expect(try details("meta-image.json")?.media?.id == "1203940586071829")
        #expect(try details("meta-document.json")?.media?.fileName == "orçamento nº 7.pdf")
    }

    @Test func repliesGoBackToTheAddressAsReceived() throws {
        func address(_ name: String) throws -> String? {
            let file = try #require(WireSamples.all.files.first { $0.file == name })
            return try Self.normalise(file).messages.first?.replyAddress
        }
        #expect(try address("evolution-text.json") == "5534999990001@s.whatsapp.net")
        #expect(try address("evolution-lid-with-alt.json") == "5534999990013@s.whatsapp.net")
        #expect(try address("evolution-lid-only.json") == "166600998877665@lid")
        #expect(try address("meta-bsuid.json") == "BR.1502576394655843")
    }

    /// Every sample, cut at every 7th byte and with every 11th byte replaced: nothing may crash, whatever comes out.
    @Test(arguments: WireSamples.all.files.filter { $0.body.count < 6_000 })
    func damagedSamplesNeverCrash(_ file: WireSamples.File) {
        let body = file.body
        for cut in stride(from: 0, to: body.count, by: 7) {
            _ = try? EvolutionNormaliser.normalise(Array(body[..<cut]), arrival: Self.arrival)
            _ = try? MetaNormaliser.normalise(Array(body[..<cut]), arrival: Self.arrival)
        }
        for (index, replacement) in zip(stride(from: 0, to: body.count, by: 11), "{}[]\",:0-e\\\u{0}é".utf8.cycled()) {
            var damaged = body
            damaged[index] = replacement
            _ = try? EvolutionNormaliser.normalise(damaged, arrival: Self.arrival)
            _ = try? MetaNormaliser.normalise(damaged, arrival: Self.arrival)
        }
    }
}

extension Collection {
    fileprivate func cycled() -> UnfoldSequence<Element, Index> {
        sequence(state: self.startIndex) { index in
            defer {
                self.formIndex(after: &index)
                if index == self.endIndex { index = self.startIndex }
            }
            return self[index]
        }
    }
}
