package import CardumeTesting
import Foundation
import Synchronization

/// Messages of many conversations, numbered in each, that come until they are told to stop.
package final class Traffic: Sendable {
    package struct Message: Hashable, Sendable, CustomStringConvertible {
        package let conversation: Int
        package let number: Int

        package var id: String { "C\(self.conversation)M\(self.number)" }
        package var description: String { self.id }
    }

    private struct State {
        /// How many messages of each conversation were accepted.
        var accepted: [Int]
        var isStopped = false
    }

    package let conversations: Int
    package let refusals = Refusals()
    private let state: Mutex<State>

    package init(conversations: Int) {
        self.conversations = conversations
        self.state = Mutex(State(accepted: Array(repeating: 0, count: conversations)))
    }

    package var accepted: Int { self.state.withLock { $0.accepted.reduce(0, +) } }

    /// Posts until ``stop()`` and returns when the last message was accepted.
    ///
    /// - Parameter pause: between two messages of one conversation.
    package func run(through door: some Doorway, pause: Duration) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for conversation in 0..<self.conversations {
                group.addTask {
                    var number = 0
                    while !self.state.withLock({ $0.isStopped }) {
                        let message = Message(conversation: conversation, number: number)
                        try await door.deliver(
                            Load.contact(conversation), message.id, "mensagem \(number)", refusals: self.refusals)
                        number += 1
                        self.state.withLock { [number] in $0.accepted[conversation] = number }
                        try await ContinuousClock().sleep(for: pause)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    package func stop() { self.state.withLock { $0.isStopped = true } }

    /// Holds what was accepted against what was sent.
    package func compare(with sends: [SandboxSend]) -> Comparison {
        var comparison = Comparison()
        let received = Dictionary(grouping: sends) { $0.number }
        for (conversation, count) in self.state.withLock({ $0.accepted }).enumerated() {
            let expected = (0..<count).map { "Recebi: mensagem \($0)" }
            let texts = received["\(Load.contact(conversation))@s.whatsapp.net"]?.map(\.text) ?? []
            var first: [String] = []
            var known: Set<String> = []
            for text in texts where known.insert(text).inserted { first.append(text) }
            comparison.repeats += texts.count - first.count
            comparison.answered += first.count
            for number in 0..<count where !known.contains(expected[number]) {
                comparison.missing.append(Message(conversation: conversation, number: number))
            }
            if first != expected.filter(known.contains) {
                comparison.disordered.append("\(conversation): \(texts.prefix(200))")
            }
        }
        return comparison
    }

    package struct Comparison: Sendable {
        package var answered = 0
        /// Replies beyond the first to the same message.
        package var repeats = 0
        /// Accepted and not answered.
        package var missing: [Message] = []
        /// Conversations whose replies, the first of each, came out of order or to nothing.
        package var disordered: [String] = []
    }
}
