import CardumeActors
import CardumeCore
import CardumeTesting
import Synchronization
import Testing

/// Bursts, newer messages, late replies, transfers, failures, lost answers and deaths of owners, all at once.
@Suite(.timeLimit(.minutes(4))) struct BurstSurvivalTests {
    private static let assistants: [AssistantID] = ["suporte", "financeiro", "comercial"]

    private static let policies = [
        TurnPolicy(
            debounce: TurnPolicy.Debounce(wait: .milliseconds(3), maximumWait: .milliseconds(12), maximumMessages: 4)),
        TurnPolicy(debounce: TurnPolicy.Debounce(maximumMessages: 4), onNewMessage: .supersede),
        TurnPolicy(
            debounce: TurnPolicy.Debounce(wait: .milliseconds(2), maximumWait: .milliseconds(9), maximumMessages: 3),
            onNewMessage: .supersede, late: TurnPolicy.Late(after: .milliseconds(4), action: .merge)),
        TurnPolicy(late: TurnPolicy.Late(after: .milliseconds(2), action: .merge)),
    ]

    /// Says who answers what. The first text of a turn that begins with `>` and a name gives the conversation to that assistant:
    /// `>x` without a word, `>>x` after a reply.
    private final class Handler: TurnHandler {
        /// Whether a turn's reply goes out although it was superseded: the negative control.
        let isRash: Bool
        let channel: RecordingChannel
        private let generator: Mutex<SeededGenerator>

        init(isRash: Bool, channel: RecordingChannel, seed: UInt64) {
            self.isRash = isRash
            self.channel = channel
            self.generator = Mutex(SeededGenerator(seed: seed))
        }

        func respond(to turn: Turn) async throws -> TurnResult {
            let (yields, fails) = self.generator.withLock {
                (Int.random(in: 0..<60, using: &$0), Int.random(in: 0..<12, using: &$0) == 0)
            }
            let texts = turn.messages.map { $0.text ?? "" }
            let reply = Reply(text: "\(turn.assistant.id): \(texts.joined(separator: "+"))")
            for _ in 0..<yields {
                await Task.yield()
                guard Task.isCancelled else { continue }
                if self.isRash { self.channel.remember(turn.messages[0].replyAddress, reply.text) }
                throw CancellationError()
            }
            if fails { throw TurnFailure(category: .timeout, message: "late", isRetryable: true) }
            guard let text = texts.first(where: { $0.hasPrefix(">") }),
                case let name = AssistantID(String(text.drop { $0 == ">" }.prefix { $0 != " " })), name != turn.assistant.id
            else { return TurnResult(replies: [reply]) }
            return TurnResult(replies: text.hasPrefix(">>") ? [reply] : [], transfer: name)
        }
    }

    struct Course {
        /// What each contact wrote, and what the turns of their replies answer.
        var contacts: [(posted: [String], answered: [[String]])] = []
        var deadLetters: [TurnFailure.Category] = []
        /// Replies that were in doubt at the deaths of two owners: nobody guesses a third time, and they are dead letters.
        var parked = 0
        var merged = 0
        var superseded = 0
        var abandoned = 0
        /// Contacts who were not answered exactly once and in order.
        var wrong: [String] {
            self.contacts.filter { $0.posted != $0.answered.flatMap(\.self) }.map { "\($0.posted) answered \($0.answered)" }
        }
    }

    private static func run(_ seed: UInt64, _ policy: TurnPolicy, isRash: Bool = false) async throws -> Course {
        var generator = SeededGenerator(seed: seed)
        let (store, channel) = (MemoryStore(partitionCount: 2, timeToLive: .seconds(60)), RecordingChannel())
        let handler = Handler(isRash: isRash, channel: channel, seed: seed)
        var (posted, course): ([String: [String]], Course) = ([:], Course())
        for round in 0..<3 {
            func assistant(_ id: AssistantID) -> Assistant {
                Assistant(id: id, retry: RetryPolicy(maximumAttempts: 20, base: .milliseconds(1)), turns: policy)
            }
            var settings = Dispatcher.Settings()
            (settings.credits, settings.perConversation, settings.crashMarkLimit) = (16, 4, 1_000)
            let bed = RuntimeTestBed(
                store: store, channel: channel, assistant: assistant("suporte"),
                others: [assistant("financeiro"), assistant("comercial")], settings: settings, handler: handler)
            await bed.start()
            for index in 0..<120 {
                let contact = "c\(Int.random(in: 0..<5, using: &generator))"
                for part in 0..<Int.random(in: 1...3, using: &generator) {
                    let prefix = ["", "", "", "", "", ">", ">>"].randomElement(using: &generator) ?? ""
                    let name = prefix.isEmpty ? "" : Self.assistants.randomElement(using: &generator)?.rawValue ?? ""
                    let text = "\(prefix)\(name) \(round).\(index).\(part)"
                    posted[contact, default: []].append(text)
                    _ = try await store.append([RuntimeTestBed.append(contact, text, at: SystemClock().wallTime)])
                    for _ in 0..<Int.random(in: 0..<20, using: &generator) { await Task.yield() }
                }
                switch Int.random(in: 0..<60, using: &generator) {
                case 0: store.crash()
                case 1: store.loseNextAnswer()
                case 2..<8:
                    let conversation = Conversation.ID(channel: "loja", contact: ContactID(contact))
                    if let other = Self.assistants.randomElement(using: &generator) {
                        _ = try await store.transfer(
                            LogTransfer(of: conversation, to: QueueID(other), at: SystemClock().wallTime))
                    }
                case 8..<20: try await ContinuousClock().sleep(for: .milliseconds(4))
                default: break
                }
            }
            // The last round works off what is left; the others leave some of it to the next.
            if round == 2 {
                try await Waiting.until("everything to be settled", within: .seconds(60)) { store.unsettled == 0 }
            }
            _ = await bed.stop()
            for event in bed.events.all {
                switch event {
                case .messagesMerged: course.merged += 1
                case .turnSuperseded, .lateReply(_, _, .merge): course.superseded += 1
                case .partitionAbandoned: course.abandoned += 1
                default: break
                }
            }
        }
        func texts(_ reply: String) -> [String] {
            reply.drop { $0 != ":" }.dropFirst(2).split(separator: "+").map(String.init)
        }
        let parked = store.sends.filter { $0.state == .parked }
        course.parked = parked.count
        course.deadLetters = store.deadLetters.map(\.failure.category)
        course.contacts = posted.sorted { $0.key < $1.key }.map { contact, posted in
            let unsent = Set(parked.filter { $0.replyAddress == contact }.flatMap { texts($0.text) })
            return (posted.filter { !unsent.contains($0) }, channel.texts(to: contact).map(texts))
        }
        return course
    }

    /// Every message is answered by exactly one turn, in order; no message has two replies.
    @Test(arguments: 0..<12) func everyMessageIsAnsweredByOneTurn(_ seed: UInt64) async throws {
        let course = try await Self.run(seed, Self.policies[Int(seed) % Self.policies.count])
        print(
            "bursts, seed \(seed): \(course.merged) merged turns, \(course.superseded) given up, \(course.abandoned) abandoned")
        #expect(course.wrong == [])
        #expect(course.deadLetters == Array(repeating: .sendInDoubt, count: course.parked))
        #expect(course.merged > 10)
    }

    /// The same with a handler whose superseded answers go out: the check sees it.
    @Test func anAnswerThatGoesOutAlthoughSupersededIsSeen() async throws {
        let course = try await Self.run(1, Self.policies[1], isRash: true)
        #expect(course.superseded > 0)
        #expect(!course.wrong.isEmpty)
    }
}
