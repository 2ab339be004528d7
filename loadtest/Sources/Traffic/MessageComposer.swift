import CardumeTesting
import Foundation

/// Writes messages as their senders would: the bodies have the fields, and the size, of real ones.
struct MessageComposer: Sendable {
    let lines: ChannelLines
    let numbers: FakeNumbers
    /// Of the run's ``MessageToken``s.
    let run: String
    /// Where the gateway pretends to be.
    private static let server = "https://evo.exemplo.com.br"

    /// Bytes as the gateway writes them, by length: an object from indices to numbers.
    private let bytes: [Int: String]

    init(lines: ChannelLines, numbers: FakeNumbers, run: String) {
        self.lines = lines
        self.numbers = numbers
        self.run = run
        var generator = SeededGenerator(seed: 7)
        self.bytes = [10, 32, 64, 141].reduce(into: [:]) { bytes, length in
            let fields = (0..<length).map { "\"\($0)\":\(Int.random(in: 0...255, using: &generator))" }
            bytes[length] = "{\(fields.joined(separator: ","))}"
        }
    }

    /// - Parameter time: seconds since 1970.
    func body(of message: PlannedMessage, at time: Int) -> String {
        switch message.source {
        case .evolution: self.evolution(message, time)
        case .meta: self.meta(message, time)
        case .api: self.api(message)
        }
    }

    /// The provider's.
    func id(of message: PlannedMessage) -> String {
        let number = "\(self.run.uppercased())\(String(message.index, radix: 36, uppercase: true))"
        return message.source == .meta ? "wamid.CARGA\(number)" : "CARGA\(number)"
    }

    /// What the contact says, so that a reply can be told from all others.
    private func text(_ message: PlannedMessage) -> String {
        "\(Phrases.text(for: message)) \(MessageToken(run: self.run, index: message.index).text)"
    }

    // MARK: API

    private func api(_ message: PlannedMessage) -> String {
        let text = message.kind == .text ? self.text(message) : "[\(message.kind.rawValue)] \(self.text(message))"
        return """
            {"channel":"\(self.lines.instance(of: message.assistant))","contact":"\(self.numbers.contact(message.conversation))",\
            "id":"\(self.id(of: message))","name":"\(Phrases.name(of: message.conversation))","text":"\(text)","wait":60}
            """
    }

    // MARK: Evolution

    private func evolution(_ message: PlannedMessage, _ time: Int) -> String {
        let (content, type) = self.content(message, time)
        return """
            {"event":"messages.upsert","instance":"\(self.lines.instance(of: message.assistant))","data":{"key":{"remoteJid":\
            "\(self.numbers.contact(message.conversation))@s.whatsapp.net","fromMe":false,"id":"\(self.id(of: message))",\
            "participant":"","addressingMode":"pn"},"pushName":"\(Phrases.name(of: message.conversation))","status":\
            "DELIVERY_ACK","message":{\(content),"messageContextInfo":{"deviceListMetadata":{"senderKeyHash":\(self.map(10)),\
            "senderTimestamp":{"low":\(time),"high":0,"unsigned":true},"recipientKeyHash":\(self.map(10)),"recipientTimestamp":\
            {"low":\(time),"high":0,"unsigned":true}},"deviceListMetadataVersion":2,"messageSecret":\(self.map(32))}},\
            "messageType":"\(type)","messageTimestamp":\(time),"instanceId":"0b6f2a57-4d1e-4c83-9a77-5e1f0c2d9b34","source":\
            "android"},"destination":"https://worker.exemplo.com.br/webhook/evolution","date_time":\
            "\(Date(timeIntervalSince1970: Double(time)).formatted(.iso8601))","sender":"550000000000@s.whatsapp.net",\
            "server_url":"\(Self.server)","apikey":null}
            """
    }

    private func content(_ message: PlannedMessage, _ time: Int) -> (json: String, type: String) {
        let text = self.text(message)
        switch message.kind {
        case .text:
            return ("\"conversation\":\"\(text)\"", "conversation")
        case .audio:
            // The gateway's own transcription.
            return (
                """
                "audioMessage":{\(self.media("audio/ogg; codecs=opus", time)),"seconds":\(3 + message.index % 40),"ptt":true,\
                "waveform":\(self.map(64))},"speechToText":"[audio] \(text)"
                """, "audioMessage"
            )
        case .image:
            return (
                """
                "imageMessage":{\(self.media("image/jpeg", time)),"caption":"\(text)","height":1600,"width":1200,\
                "jpegThumbnail":\(self.map(141))}
                """, "imageMessage"
            )
        case .document:
            return (
                """
                "documentWithCaptionMessage":{"message":{"documentMessage":{\(self.media("application/pdf", time)),\
                "title":"comprovante-pix.pdf","fileName":"comprovante-pix.pdf","pageCount":2,"caption":"\(text)"}}}
                """, "documentWithCaptionMessage"
            )
        }
    }

    private func media(_ type: String, _ time: Int) -> String {
        """
        "url":"https://mmg.whatsapp.net/v/t62.7117-24/Ficticio.enc","mimetype":"\(type)","fileSha256":\(self.map(32)),\
        "fileLength":{"low":20481,"high":0,"unsigned":true},"mediaKey":\(self.map(32)),"fileEncSha256":\(self.map(32)),\
        "directPath":"/v/t62.7117-24/Ficticio.enc","mediaKeyTimestamp":{"low":\(time),"high":0,"unsigned":true}
        """
    }

    private func map(_ length: Int) -> String { self.bytes[length] ?? "{}" }

    // MARK: Meta

    private func meta(_ message: PlannedMessage, _ time: Int) -> String {
        let contact = self.numbers.contact(message.conversation)
        let text = self.text(message)
        let hash = "cPoQOa1hECna4m9RqSPKA7Oz2oYb54AaSRXBCz6aJj0="
        let content =
            switch message.kind {
            case .text: "\"type\":\"text\",\"text\":{\"body\":\"\(text)\"}"
            // What is spoken, the platform does not say: such a message has no token, nor has its reply.
            case .audio:
                """
                "type":"audio","audio":{"mime_type":"audio/ogg; codecs=opus","sha256":"\(hash)","id":"1203940586071829","voice":true}
                """
            case .image:
                """
                "type":"image","image":{"caption":"\(text)","mime_type":"image/jpeg","sha256":"\(hash)","id":"1203940586071829"}
                """
            case .document:
                """
                "type":"document","document":{"caption":"\(text)","filename":"comprovante-pix.pdf","mime_type":"application/pdf",\
                "sha256":"\(hash)","id":"1203940586071829"}
                """
            }
        return """
            {"object":"whatsapp_business_account","entry":[{"id":"204060801020304","changes":[{"value":{"messaging_product":\
            "whatsapp","metadata":{"display_phone_number":"550000000000","phone_number_id":\
            "\(self.lines.phoneNumberID(of: message.assistant))"},"contacts":[{"profile":{"name":\
            "\(Phrases.name(of: message.conversation))"},"wa_id":"\(contact)"}],"messages":[{"from":"\(contact)","id":\
            "\(self.id(of: message))","timestamp":"\(time)",\(content)}]},"field":"messages"}]}]}
            """
    }
}
