/// Reads webhooks of Meta's WhatsApp Cloud API whose signature has been checked. The rules are listed in `docs/webhooks.md`.
public enum MetaNormaliser {
    /// - Throws: a ``WireRejection`` when nothing of the body can be interpreted. It is recorded and answered with 200: Meta
    ///   repeats anything else for days.
    public static func normalise(_ body: [UInt8], arrival: Arrival) throws(WireRejection) -> NormalisedWebhook {
        try WireBody.decode(body) { (root) throws(WireRejection) in
            guard let object = root.nonEmptyString("object") else { throw WireRejection("object is missing") }
            guard object == "whatsapp_business_account" else { return .ignored("object \(object.prefix(64))") }
            guard let entries = root.objects("entry") else { throw WireRejection("entry is not an array") }
            var collected = Collected()
            for entry in entries {
                guard let changes = entry?.objects("changes") else {
                    collected.bad.append("changes is not an array")
                    continue
                }
                for change in changes where change?.string("field") == "messages" {
                    collected.add(change?.object("value"), arrival)
                }
            }
            return try collected.webhook()
        }
    }

    private struct Collected {
        var messages: [InboundMessage] = []
        var notices: [GatewayNotice] = []
        var ignored: [String] = []
        var bad: [String] = []

        func webhook() throws(WireRejection) -> NormalisedWebhook {
            if self.messages.isEmpty, self.notices.isEmpty, self.ignored.isEmpty, let reason = self.bad.first {
                throw WireRejection(reason)
            }
            let reasons = self.bad + self.ignored
            return NormalisedWebhook(
                messages: self.messages,
                notices: self.notices,
                ignored: reasons.first ?? (self.messages.isEmpty ? "no messages" : nil),
                dropped: self.bad.first
            )
        }

        mutating func add(_ value: LenientContainer?, _ arrival: Arrival) {
            guard let value else { return self.bad.append("value is not an object") }
            for status in (value.objects("statuses") ?? []).compactMap({ $0 }) {
                guard let id = status.nonEmptyString("id"), let state = status.nonEmptyString("status") else { continue }
                self.notices.append(.delivery(messageID: id, status: state))
            }
            guard let messages = value.objects("messages") else { return }
            guard let number = value.object("metadata")?.nonEmptyString("phone_number_id") else {
                return self.bad.append("metadata.phone_number_id is missing")
            }
            let contacts = (value.objects("contacts") ?? []).compactMap { $0 }
            for message in messages {
                guard let message else {
                    self.bad.append("a message is not an object")
                    continue
                }
                self.add(message, channel: ChannelID(number), contacts, arrival)
            }
        }

        private mutating func add(
            _ message: LenientContainer, channel: ChannelID, _ contacts: [LenientContainer], _ arrival: Arrival
        ) {
            guard let id = message.nonEmptyString("id") else { return self.bad.append("a message has no id") }
            guard let from = message.nonEmptyString("from") ?? message.nonEmptyString("from_user_id"),
                !from.utf8.contains(UInt8(ascii: ":"))
            else { return self.bad.append("message \(id) has no sender") }
            let content: MetaContent
            do {
                guard let found = try MetaContent(message) else { return self.ignored.append("message without content") }
                content = found
            } catch {
                return self.bad.append(error.reason)
            }
            if content.kind == .reaction { return self.ignored.append("reaction") }
            if content.kind == .text, content.text?.allSatisfy(\.isWhitespace) ?? true {
                return self.ignored.append("empty text")
            }
            let contact = contacts.first { $0.string("wa_id") == from || $0.string("user_id") == from }
            self.messages.append(
                InboundMessage(
                    id: MessageID(id),
                    conversation: Conversation.ID(channel: channel, contact: ContactID(from)),
                    kind: content.kind,
                    text: content.text,
                    sentAt: message.timestamp("timestamp"),
                    receivedAt: arrival.receivedAt,
                    contactName: contact?.object("profile")?.nonEmptyString("name"),
                    replyAddress: from,
                    traceID: arrival.traceID,
                    details: content.details
                ))
        }
    }
}

private struct MetaContent {
    let kind: MessageKind
    let text: String?
    let details: InboundMessage.Details

    /// `nil` for notices of the platform that no contact wrote.
    init?(_ message: LenientContainer) throws(WireRejection) {
        let type = message.string("type") ?? ""
        let body = message.object(AnyKey(stringValue: type))
        var selectionID: String?
        switch type {
        case "text": (self.kind, self.text) = try (.text, body?.text("body"))
        case "image": (self.kind, self.text) = try (.image, body?.nonEmptyText("caption"))
        case "video": (self.kind, self.text) = try (.video, body?.nonEmptyText("caption"))
        case "document": (self.kind, self.text) = try (.document, body?.nonEmptyText("caption"))
        case "audio": (self.kind, self.text) = (.audio, nil)
        case "sticker": (self.kind, self.text) = (.sticker, nil)
        case "location": (self.kind, self.text) = (.location, nil)
        case "contacts":
            let first = message.objects("contacts")?.first ?? nil
            (self.kind, self.text) = try (.contact, first?.object("name")?.text("formatted_name"))
        case "interactive":
            let button = body?.object("button_reply")
            let row = body?.object("list_reply")
            self.kind = button != nil ? .buttonReply : row != nil ? .listReply : .unknown
            self.text = try (button ?? row)?.text("title")
            selectionID = (button ?? row)?.nonEmptyString("id")
        case "button":
            (self.kind, self.text) = try (.buttonReply, body?.text("text"))
            selectionID = body?.nonEmptyString("payload")
        case "reaction": (self.kind, self.text) = try (.reaction, body?.text("emoji"))
        case "system", "unsupported": return nil
        default:
            if message.objects("errors") != nil { return nil }
            (self.kind, self.text) = (.unknown, nil)
        }
        let hasMedia = [.image, .video, .audio, .document, .sticker].contains(self.kind)
        self.details = InboundMessage.Details(
            quotedMessageID: message.object("context")?.nonEmptyString("id"),
            selectionID: selectionID,
            media: hasMedia
                ? InboundMessage.Media(
                    id: body?.nonEmptyString("id"), url: body?.nonEmptyString("url"),
                    mimeType: body?.nonEmptyString("mime_type"), fileName: body?.nonEmptyString("filename")
                ) : nil
        )
    }
}
