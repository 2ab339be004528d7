/// Reads webhooks of Evolution API 2.x. The rules are listed in `docs/webhooks.md`.
public enum EvolutionNormaliser {
    /// - Throws: a ``WireRejection`` when the body can never be interpreted. The sender must not repeat it.
    public static func normalise(_ body: [UInt8], arrival: Arrival) throws(WireRejection) -> NormalisedWebhook {
        try WireBody.decode(body) { (root) throws(WireRejection) in
            // Which shape `data` has depends on the event, so the event comes first.
            guard let event = root.nonEmptyString("event") else { throw WireRejection("event is missing") }
            switch String(event.lowercased().map { $0 == "_" || $0 == "-" ? "." : $0 }) {
            case "messages.upsert": return try Self.message(root, arrival)
            case "messages.update": return .ignored("delivery status", notices: Self.delivery(root))
            case "connection.update": return .ignored("connection state", notices: Self.connection(root))
            default: return .ignored("event \(event.prefix(64))")
            }
        }
    }

    private static func delivery(_ root: LenientContainer) -> [GatewayNotice] {
        guard let data = root.object("data"), let id = data.nonEmptyString("keyId"),
            let status = data.nonEmptyString("status")
        else { return [] }
        return [.delivery(messageID: id, status: status)]
    }

    private static func connection(_ root: LenientContainer) -> [GatewayNotice] {
        guard let data = root.object("data"), let state = data.nonEmptyString("state"),
            let instance = data.nonEmptyString("instance") ?? root.nonEmptyString("instance")
        else { return [] }
        return [.connection(instance: instance, state: state)]
    }

    private static func message(
        _ root: LenientContainer, _ arrival: Arrival
    ) throws(WireRejection) -> NormalisedWebhook {
        guard let instance = root.nonEmptyString("instance") else { throw WireRejection("instance is missing") }
        guard let data = root.object("data") else { throw WireRejection("data is not an object") }
        guard let key = data.object("key") else { throw WireRejection("data.key is not an object") }
        guard let jid = key.nonEmptyString("remoteJid") else { throw WireRejection("data.key.remoteJid is missing") }
        guard let id = key.nonEmptyString("id") else { throw WireRejection("data.key.id is missing") }
        if !key.isNullOrMissing("fromMe") {
            guard let isOwn = try? key.decode(Bool.self, forKey: "fromMe") else {
                throw WireRejection("data.key.fromMe is not a boolean")
            }
            if isOwn { return .ignored("own message") }
        }
        guard let chat = try EvolutionChat(jid: jid, key: key) else { return .ignored("broadcast or newsletter") }
        guard !data.isNullOrMissing("message") else { return .ignored("empty message") }
        guard let message = data.object("message") else { throw WireRejection("data.message is not an object") }
        guard let content = try EvolutionContent(message) else { return .ignored("empty message") }
        if content.kind == .reaction { return .ignored("reaction") }
        if content.kind == .text, content.text?.allSatisfy(\.isWhitespace) ?? true { return .ignored("empty text") }
        return NormalisedWebhook(messages: [
            InboundMessage(
                id: MessageID(id),
                conversation: Conversation.ID(channel: ChannelID(instance), contact: chat.contact),
                kind: content.kind,
                text: content.text,
                sentAt: data.timestamp("messageTimestamp"),
                receivedAt: arrival.receivedAt,
                contactName: data.nonEmptyString("pushName"),
                replyAddress: chat.replyAddress,
                traceID: arrival.traceID,
                details: content.details(quotedBy: data.object("contextInfo"))
            )
        ])
    }
}

/// The chat a message belongs to, from its JID and the JID's alternatives.
private struct EvolutionChat {
    let contact: ContactID
    /// Passed back exactly as received: the server looks up full JIDs as they are.
    let replyAddress: String

    /// `nil` for what is never answered: status posts, broadcast lists, newsletters.
    init?(jid: String, key: LenientContainer) throws(WireRejection) {
        var jid = jid
        // A hidden id (LID) is replaced by the phone number wherever the server gives it.
        if jid.hasSuffix("@lid") {
            jid =
                [key.nonEmptyString("remoteJidAlt"), key.nonEmptyString("senderPn")]
                .compactMap { $0 }.first { $0.hasSuffix("@s.whatsapp.net") } ?? jid
        }
        if jid.hasSuffix("@broadcast") || jid.hasSuffix("@newsletter") { return nil }
        let user = jid.utf8.prefix { $0 != UInt8(ascii: "@") && $0 != UInt8(ascii: ":") }
        guard !user.isEmpty, let name = String(user) else { throw WireRejection("data.key.remoteJid names nobody") }
        self.contact = ContactID(jid.hasSuffix("@lid") ? name + "@lid" : name)
        self.replyAddress = jid
    }
}

/// The content of a message: the one key that is no companion, wrappers removed.
private struct EvolutionContent {
    private static let companions: Set<String> = [
        "messageContextInfo", "senderKeyDistributionMessage", "base64", "mediaUrl", "speechToText",
    ]
    private static let wrappers: Set<String> = [
        "ephemeralMessage", "viewOnceMessage", "viewOnceMessageV2", "viewOnceMessageV2Extension",
        "documentWithCaptionMessage", "groupMentionedMessage", "associatedChildMessage", "lottieStickerMessage",
        "editedMessage", "botInvokeMessage",
    ]
    private static let kinds: [String: MessageKind] = [
        "conversation": .text, "extendedTextMessage": .text, "imageMessage": .image, "videoMessage": .video,
        "ptvMessage": .video, "audioMessage": .audio, "documentMessage": .document, "stickerMessage": .sticker,
        "locationMessage": .location, "liveLocationMessage": .location, "contactMessage": .contact,
        "contactsArrayMessage": .contact, "listResponseMessage": .listReply, "buttonsResponseMessage": .buttonReply,
        "templateButtonReplyMessage": .buttonReply, "interactiveResponseMessage": .buttonReply,
        "reactionMessage": .reaction,
    ]

    let kind: MessageKind
    let text: String?
    private let inner: LenientContainer?
    private let mediaURL: String?

    init?(_ message: LenientContainer) throws(WireRejection) {
        var message = message
        var depth = 0
        while true {
            // In an order of their own: that of a decoder's keys differs each time, and a repeated webhook must read the same.
            let keys = message.allKeys.filter { !Self.companions.contains($0.stringValue) }
                .sorted { $0.stringValue < $1.stringValue }
            let wrapped = keys.lazy.filter { Self.wrappers.contains($0.stringValue) }
                .compactMap { [message] in message.object($0)?.object("message") }.first
            if depth < 5, let wrapped {
                message = wrapped
                depth += 1
                continue
            }
            guard let first = keys.first else { return nil }
            let key = keys.first { Self.kinds[$0.stringValue] != nil } ?? first
            self.kind = Self.kinds[key.stringValue] ?? .unknown
            self.inner = message.object(key)
            self.mediaURL = message.nonEmptyString("mediaUrl")
            self.text = try Self.text(of: self.kind, key, message, self.inner)
            return
        }
    }

    private static func text(
        of kind: MessageKind, _ key: AnyKey, _ message: LenientContainer, _ inner: LenientContainer?
    ) throws(WireRejection) -> String? {
        switch kind {
        case .text:
            if let text = try message.text(key) { return text }
            return try inner?.text("text")
        case .image, .video, .document: return try inner?.nonEmptyText("caption")
        case .audio: return try message.text("speechToText")
        case .contact: return try inner?.text("displayName")
        case .listReply: return try inner?.text("title")
        case .buttonReply:
            if let text = try inner?.text("selectedDisplayText") { return text }
            return try inner?.object("body")?.text("text")
        case .reaction: return try inner?.text("text")
        case .sticker, .location, .unknown, .system: return nil
        }
    }

    func details(quotedBy context: LenientContainer?) -> InboundMessage.Details {
        let hasMedia = [.image, .video, .audio, .document, .sticker].contains(self.kind)
        return InboundMessage.Details(
            quotedMessageID: (context ?? self.inner?.object("contextInfo"))?.nonEmptyString("stanzaId"),
            selectionID: self.inner?.object("singleSelectReply")?.nonEmptyString("selectedRowId")
                ?? self.inner?.nonEmptyString("selectedButtonId") ?? self.inner?.nonEmptyString("selectedId"),
            media: hasMedia
                ? InboundMessage.Media(
                    url: self.mediaURL ?? self.inner?.nonEmptyString("url"),
                    mimeType: self.inner?.nonEmptyString("mimetype"),
                    fileName: self.inner?.nonEmptyString("fileName")
                ) : nil
        )
    }
}
