internal import CardumeCore
internal import FoundationEssentials

struct EvolutionWebhook: HotPath {
    static let name = "evolution-webhook"
    static let operation = "a text message's webhook as Evolution sends it, read and normalised"

    private let body: [UInt8]
    private let arrival = Arrival(receivedAt: Samples.start, traceID: "0af7651916cd43dd8448eb211c80319c")

    init() {
        // The project's folder, four above this file.
        let project = (0..<4).reduce(URL(filePath: #filePath)) { url, _ in url.deletingLastPathComponent() }
        let file = project.appending(path: "Tests/Fixtures/wire/evolution-text.json")
        guard let data = try? Data(contentsOf: file) else { preconditionFailure("\(file.path) is not there") }
        self.body = Array(data)
    }

    func run(_ count: Int) -> Int {
        var sum = 0
        for _ in 0..<count {
            guard let webhook = try? EvolutionNormaliser.normalise(self.body, arrival: self.arrival) else {
                preconditionFailure("the webhook is refused")
            }
            precondition(webhook.messages.count == 1)
            sum &+= webhook.messages[0].text?.utf8.count ?? 0
        }
        return sum
    }
}

/// In the middle of the latest minute there are as many requests as the limit allows.
struct RequestRate: HotPath {
    static let name = "request-rate"
    static let operation = "one request of a caller counted, 120 a minute with a burst of 20"

    private var window = SlidingWindow()
    private var now: Int64 = 0

    mutating func run(_ count: Int) -> Int {
        let limit = RateLimit(perMinute: 120, burst: 20)
        var sum = 0
        for _ in 0..<count {
            self.now += 501_000
            let decision = self.window.take(limit, at: self.now)
            precondition(decision.isAllowed)
            sum &+= decision.remaining
        }
        return sum
    }
}

struct ChannelAlone: HotPath {
    static let name = "channel"
    static let operation = "the assistant of a message, on a channel that has only one, without keywords and menu"

    private let choice = AssistantChoice(keywords: [])

    func run(_ count: Int) -> Int { self.choice.run(count) }
}

struct ChannelKeywords: HotPath {
    static let name = "channel-keywords"
    static let operation = "the same on a channel with five keywords, none of which the message holds"

    private let choice = AssistantChoice(keywords: [
        ("boleto", "financeiro"), ("segunda via", "financeiro"), ("comprar", "comercial"), ("reclamação", "ouvidoria"),
        ("cancelar", "cancelamento"),
    ])

    func run(_ count: Int) -> Int { self.choice.run(count) }
}

private struct AssistantChoice {
    private let messages = Samples.entries(64).map(\.message)
    private let table: RouteTable

    init(keywords: [(word: String, assistant: AssistantID)]) {
        self.table = RouteTable(channels: [Samples.channel: ChannelRoute(assistant: "suporte", keywords: keywords)])
    }

    func run(_ count: Int) -> Int {
        var sum = 0
        for index in 0..<count {
            guard let append = self.table.append(for: self.messages[index & 63]) else { preconditionFailure("no route") }
            sum &+= append.route.queue.rawValue.utf8.count
        }
        return sum
    }
}

struct PartitionNumber: HotPath {
    static let name = "partition-number"
    static let operation = "the partition of a conversation among 64"

    private let conversations = (0..<64).map(Samples.conversation)

    func run(_ count: Int) -> Int {
        var sum = 0
        for index in 0..<count {
            sum &+= self.conversations[index & 63].partitionNumber(of: Partition.defaultCount)
        }
        return sum
    }
}

/// Each hundred messages are read together, all of different conversations, and finished one by one.
struct ReadAhead: HotPath {
    static let name = "read-ahead"
    static let operation = "one message admitted to a partition's window, and finished"

    private let batch = Samples.entries(100)
    private var window = ReadAheadWindow(credits: 100, perConversation: 32)

    mutating func run(_ count: Int) -> Int {
        var sum = 0
        for _ in 0..<count / self.batch.count {
            guard let read = self.window.nextTail() else { preconditionFailure("the window is full") }
            let delivered = self.window.tailArrived(self.batch)
            precondition(delivered.count == read.limit)
            for entry in delivered {
                self.window.finished(entry.message.conversation)
                sum &+= self.window.inMemory
            }
        }
        return sum
    }
}
