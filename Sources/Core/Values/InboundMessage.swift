/// What kind of content a message has, in the words of the normalisation rules.
public enum MessageKind: String, Sendable, Codable, CaseIterable {
    /// Made by the runtime itself (timers); not sent by a contact.
    case system
    case text
    case image
    case video
    case audio
    case document
    case sticker
    case location
    case contact
    case listReply = "list_reply"
    case buttonReply = "button_reply"
    case reaction
    case unknown

    public var priority: Priority {
        switch self {
        case .system: .system
        case .audio, .image: .media
        case .video, .document: .document
        case .text, .sticker, .location, .contact, .listReply, .buttonReply, .reaction, .unknown: .text
        }
    }
}

/// The class in which a turn waits for a slot; lower goes first.
public enum Priority: Int, Sendable, CaseIterable, Comparable {
    case system = 0
    case text = 1
    /// Audio and image.
    case media = 2
    /// Video and document.
    case document = 3

    public static func < (lhs: Self, rhs: Self) -> Bool { lhs.rawValue < rhs.rawValue }
}

/// A message from a contact, freed of the differences between gateways.
public struct InboundMessage: Hashable, Sendable, Codable {
    public var id: MessageID
    public var conversation: Conversation.ID
    public var kind: MessageKind
    /// Byte for byte as the contact wrote it; `nil` when the kind carries none.
    public var text: String?
    /// The sender's time, seconds since 1970; `nil` when the gateway's value was missing or absurd.
    public var sentAt: Int64?
    /// When the webhook arrived here.
    public var receivedAt: Timestamp
    /// The name the contact chose for themselves.
    public var contactName: String?
    /// Where a reply goes, exactly as the gateway gave it (an Evolution JID, a Meta number or user id).
    public var replyAddress: String
    /// 32 lower-case hex digits (W3C trace id), made at the webhook.
    public var traceID: String
    private var rare: Rare

    /// The rarely present parts of a message.
    public struct Details: Hashable, Sendable, Codable {
        /// The message this one answers.
        public var quotedMessageID: String?
        /// The id behind a chosen button or list row.
        public var selectionID: String?
        public var media: Media?
        /// The message met a channel's menu and is answered with the menu's text, not by a model.
        public var showsMenu: Bool?
        /// No message but a notice to the partition's owner.
        public var notice: LogNotice?
        /// Moved here from another assistant's log, for the hold at this offset.
        public var movedTo: LogOffset?
        /// How often an assistant gave the message to another one instead of answering it.
        public var transfers: Int?
        /// Not sent by a contact: a timer of the assistant's has come to its time.
        public var timer: ConversationTimer.Firing?
        /// The span that brought the message here, or of whoever sent the webhook; `nil` when of its trace only the id is known.
        public var span: SpanReference?
        /// The message was a dead letter and runs again.
        public var replay: MessageReplay?

        public init(
            quotedMessageID: String? = nil, selectionID: String? = nil, media: Media? = nil, showsMenu: Bool? = nil,
            notice: LogNotice? = nil, movedTo: LogOffset? = nil, transfers: Int? = nil,
            timer: ConversationTimer.Firing? = nil, span: SpanReference? = nil, replay: MessageReplay? = nil
        ) {
            self.replay = replay
            self.quotedMessageID = quotedMessageID
            self.selectionID = selectionID
            self.media = media
            self.showsMenu = showsMenu
            self.notice = notice
            self.movedTo = movedTo
            self.transfers = transfers
            self.timer = timer
            self.span = span
        }

        public static let none = Details()
    }

    /// A reference to content that stays at the gateway.
    public struct Media: Hashable, Sendable, Codable {
        /// Meta's media id.
        public var id: String?
        public var url: String?
        public var mimeType: String?
        public var fileName: String?

        public init(id: String? = nil, url: String? = nil, mimeType: String? = nil, fileName: String? = nil) {
            self.id = id
            self.url = url
            self.mimeType = mimeType
            self.fileName = fileName
        }
    }

    public init(
        id: MessageID,
        conversation: Conversation.ID,
        kind: MessageKind = .text,
        text: String?,
        sentAt: Int64? = nil,
        receivedAt: Timestamp,
        contactName: String? = nil,
        replyAddress: String,
        traceID: String,
        details: Details = .none
    ) {
        self.id = id
        self.conversation = conversation
        self.kind = kind
        self.text = text
        self.sentAt = sentAt
        self.receivedAt = receivedAt
        self.contactName = contactName
        self.replyAddress = replyAddress
        self.traceID = traceID
        self.rare = Rare(details)
    }
}

extension InboundMessage {
    /// What only some messages have.
    public var details: Details {
        get { self.rare.object?.details ?? .none }
        set { self.rare = Rare(newValue) }
    }

    /// Whether ``details`` holds anything.
    package var hasDetails: Bool { self.rare.object != nil }
    /// ``Details/showsMenu``, without a copy of the rest.
    public var showsMenu: Bool { self.rare.object?.details.showsMenu ?? false }
    /// ``Details/notice``, without a copy of the rest.
    public var notice: LogNotice? { self.rare.object?.details.notice }
    /// ``Details/movedTo``, without a copy of the rest.
    public var movedTo: LogOffset? { self.rare.object?.details.movedTo }
    /// ``Details/timer``, without a copy of the rest.
    public var timer: ConversationTimer.Firing? { self.rare.object?.details.timer }
    /// ``Details/replay``, without a copy of the rest.
    public var replay: MessageReplay? { self.rare.object?.details.replay }

    /// ``Details/span``, without a copy of the rest.
    public var span: SpanReference? { self.rare.object?.details.span }

    private enum CodingKeys: String, CodingKey {
        case id, conversation, kind, text, sentAt, receivedAt, contactName, replyAddress, traceID
        case rare = "details"
    }

    /// Details in an object of their own: most messages have none, and messages are copied a dozen times while they are run.
    private struct Rare: Sendable, Hashable, Codable {
        final class Object: Sendable {
            let details: Details

            init(_ details: Details) { self.details = details }
        }

        let object: Object?

        init(_ details: Details) { self.object = details == .none ? nil : Object(details) }

        init(from decoder: any Decoder) throws { self.init(try Details(from: decoder)) }

        func encode(to encoder: any Encoder) throws { try (self.object?.details ?? .none).encode(to: encoder) }

        static func == (lhs: Self, rhs: Self) -> Bool {
            lhs.object === rhs.object || lhs.object?.details == rhs.object?.details
        }

        func hash(into hasher: inout Hasher) { hasher.combine(self.object?.details) }
    }
}

extension InboundMessage {
    /// The message as a line of conversation, for a model and for the journal. Content that cannot be shown is named, in the
    /// language assistants speak.
    public var contextText: String {
        let name: String? =
            switch self.kind {
            case .text, .listReply, .buttonReply, .system: nil
            case .image: "imagem"
            case .video: "vídeo"
            case .audio: "áudio"
            case .document: "documento"
            case .sticker: "figurinha"
            case .location: "localização"
            case .contact: "contato"
            case .reaction: "reação"
            case .unknown: "mensagem de tipo desconhecido"
            }
        guard let name else { return self.text ?? "" }
        return ["[\(name)]", self.text].compactMap { $0 }.joined(separator: " ")
    }
}
