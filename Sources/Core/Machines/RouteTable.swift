/// The queue a message goes to.
public struct Route: Hashable, Sendable {
    public var queue: QueueID
    /// Whether the conversation stays with this assistant. A conversation that was only shown a menu does not: the next
    /// message chooses.
    public var isChosen: Bool

    public init(_ queue: QueueID, isChosen: Bool = true) {
        self.queue = queue
        self.isChosen = isChosen
    }

    /// To the assistant's own queue.
    public init(assistant: AssistantID, isChosen: Bool = true) {
        self.init(QueueID(assistant), isChosen: isChosen)
    }

    /// The route that a log applies, given who holds the conversation.
    ///
    /// A holder keeps the conversation for as long as its latest message is younger than `session`. Whatever else says,
    /// nobody else takes over while something of the conversation is unsettled: two assistants would answer out of order.
    public func resolved(
        heldBy holder: ConversationHolder?, at now: Timestamp, session: Duration, hasUnsettled: () throws -> Bool
    ) rethrows -> Route {
        guard let holder else { return self }
        if holder.route.isChosen, now.elapsed(since: holder.latestMessageAt) < session { return holder.route }
        return try hasUnsettled() ? holder.route : self
    }
}

/// Who holds a conversation.
public struct ConversationHolder: Hashable, Sendable {
    public var route: Route
    public var latestMessageAt: Timestamp

    public init(route: Route, latestMessageAt: Timestamp) {
        self.route = route
        self.latestMessageAt = latestMessageAt
    }
}

/// How one channel chooses an assistant for a new conversation.
public struct ChannelRoute: Sendable {
    public struct Option: Sendable {
        public var label: String
        public var assistant: AssistantID

        public init(label: String, assistant: AssistantID) {
            self.label = label
            self.assistant = assistant
        }
    }

    /// Takes what nothing else claims.
    public var assistant: AssistantID
    /// A message that contains one of these words, whatever its case and accents, starts with that assistant.
    public let keywords: [(word: String, assistant: AssistantID)]
    /// Shown to a new conversation, when not empty; chosen by number or label.
    public let menu: [Option]
    /// What stands above the options.
    public let menuTitle: String
    /// As they are compared.
    private let foldedKeywords: [FoldedText]
    private let foldedLabels: [FoldedText]

    public init(
        assistant: AssistantID, keywords: [(word: String, assistant: AssistantID)] = [], menu: [Option] = [],
        menuTitle: String = ""
    ) {
        self.assistant = assistant
        self.keywords = keywords
        self.menu = menu
        self.menuTitle = menuTitle
        self.foldedKeywords = keywords.map { FoldedText($0.word) }
        self.foldedLabels = menu.map { FoldedText($0.label) }
    }

    /// The menu as the contact reads it.
    public var menuText: String {
        let lines = self.menu.enumerated().map { "\($0.offset + 1) - \($0.element.label)" }
        return ([self.menuTitle] + lines).filter { !$0.isEmpty }.joined(separator: "\n")
    }

    /// Where `message` starts if its conversation is new.
    public func route(_ message: InboundMessage) -> Route {
        if let chosen = self.choice(in: message.text ?? "") { return Route(assistant: chosen) }
        return Route(assistant: self.assistant, isChosen: self.menu.isEmpty)
    }

    /// Whom `text` names: by an option's number or label, or else by a keyword.
    private func choice(in text: String) -> AssistantID? {
        guard !self.menu.isEmpty || !self.keywords.isEmpty else { return nil }
        let text = FoldedText(text)
        let option = self.foldedLabels.indices.first {
            text.words == self.foldedLabels[$0].words || text.words == [String($0 + 1)]
        }
        if let option { return self.menu[option].assistant }
        return self.foldedKeywords.firstIndex { text.contains($0) }.map { self.keywords[$0].assistant }
    }
}

/// The routes of all channels.
public struct RouteTable: Sendable {
    private let channels: [ChannelID: ChannelRoute]
    private let fallback: ChannelRoute?

    /// - Parameter fallback: for channels that are not named; `nil` when such messages are refused.
    public init(channels: [ChannelID: ChannelRoute], fallback: ChannelRoute? = nil) {
        self.channels = channels
        self.fallback = fallback
    }

    public subscript(channel: ChannelID) -> ChannelRoute? {
        self.channels[channel] ?? self.fallback
    }

    /// The message with its route, or `nil` when nobody serves its channel.
    public func append(for message: InboundMessage) -> LogAppend? {
        self[message.conversation.channel].map { LogAppend(message: message, route: $0.route(message)) }
    }
}
