import CardumeCore
import CardumeTesting
import Foundation

@testable import CardumeRuntime

/// What there is and, naively, what of it must be left. Everything is a list that is looked through.
struct RetentionModel {
    struct Turn {
        var id: String
        var daysAgo: Double
        var sends: [SendIntent.State]
    }

    struct Letter {
        var id: String
        var daysAgo: Double
    }

    struct Conversation {
        var name: String
        var turns: [Turn] = []
        var closingDaysAgo: Double?
        var letters: [Letter] = []
        var isHeld = false
        var hasCrashMark = false
        var isRestored = false
        var isUnsettled = false
    }

    var conversations: [Conversation] = []

    static func random(_ generator: inout SeededGenerator) -> RetentionModel {
        var model = RetentionModel()
        for number in 0..<40 {
            var conversation = Conversation(name: "loja:\(number)")
            // Never nearly on the day: clocks go on while the test runs.
            func age(_ range: ClosedRange<Int>) -> Double { Double(Int.random(in: range, using: &generator)) + 0.5 }
            for turn in 0..<Int.random(in: 0...4, using: &generator) {
                let states: [SendIntent.State] = [.accepted, .accepted, .accepted, .refused, .parked, .unknown]
                conversation.turns.append(
                    Turn(
                        id: "t\(number).\(turn)", daysAgo: age(0...200),
                        sends: (0..<Int.random(in: 0...2, using: &generator)).map { _ in
                            states.randomElement(using: &generator) ?? .accepted
                        }))
            }
            // Committed in their order, as they are.
            conversation.turns.sort { $0.daysAgo > $1.daysAgo }
            if Int.random(in: 0..<4, using: &generator) == 0, let last = conversation.turns.last {
                conversation.closingDaysAgo = last.daysAgo - 0.25
            }
            for letter in 0..<max(0, Int.random(in: -3...2, using: &generator)) {
                conversation.letters.append(Letter(id: "d\(number).\(letter)", daysAgo: age(0...60)))
            }
            conversation.isHeld = Int.random(in: 0..<6, using: &generator) == 0
            conversation.hasCrashMark = Int.random(in: 0..<12, using: &generator) == 0
            conversation.isRestored = Int.random(in: 0..<12, using: &generator) == 0
            conversation.isUnsettled = Int.random(in: 0..<8, using: &generator) == 0
            model.conversations.append(conversation)
        }
        return model
    }

    func write(to bed: UpkeepBed) async throws {
        for conversation in self.conversations {
            let name = conversation.name
            for turn in conversation.turns {
                try await bed.turn(turn.id, in: name, daysAgo: turn.daysAgo, sends: turn.sends)
            }
            if let daysAgo = conversation.closingDaysAgo { try await bed.closing(name, daysAgo: daysAgo) }
            for letter in conversation.letters { try await bed.bury(letter.id, in: name, daysAgo: letter.daysAgo) }
            if conversation.isHeld { try await bed.sql("INSERT INTO {holds} (conversation) VALUES ($1)", [.text(name)]) }
            if conversation.hasCrashMark {
                _ = try await bed.journal.commit(.crashMark(CardumeCore.Conversation.ID(name), "x"), bed.fence)
            }
            if conversation.isRestored {
                try await bed.sql("INSERT INTO {archive_restores} VALUES ($1, 9000000000000)", [.text(name)])
            }
            if conversation.isUnsettled { try await bed.enqueue("u-\(name)", in: name) }
        }
    }

    /// What is left, as `table: key` for each row. Lines are named by their texts.
    ///
    /// - Parameter weekEnd: of the week that a time so many days ago is in, in days ago; `nil` when lines go by their
    ///   own age.
    func left(_ kind: UpkeepBed.Kind, weekEnd: ((Double) -> Double)?) -> Set<String> {
        let (retention, patience) = (90.0, 30.0)
        let lastWriter = self.conversations.last { !$0.turns.isEmpty }
        var rows: Set<String> = []
        for conversation in self.conversations {
            let name = conversation.name
            let letters = conversation.letters.filter { $0.daysAgo < patience || conversation.isHeld }
            rows.formUnion(letters.map { "dead_letters: \(name) \($0.id)" })
            let isFree =
                !conversation.isHeld && letters.isEmpty && !conversation.hasCrashMark && !conversation.isRestored
                && !conversation.turns.contains { $0.sends.contains(.unknown) }
            let ages = conversation.turns.map(\.daysAgo) + [conversation.closingDaysAgo].compactMap(\.self)
            guard let latest = ages.min() else { continue }
            // The embedded store keeps who has said the latest.
            let isNewest = kind == .sqlite && name == lastWriter?.name
            if latest > retention, isFree, !conversation.isUnsettled, !isNewest { continue }
            if kind == .postgres { rows.insert("conversations: \(name)") }
            for turn in conversation.turns {
                let isLast = isNewest && turn.id == conversation.turns.last?.id
                if turn.daysAgo < retention || !isFree {
                    rows.insert("turns: \(name) \(turn.id)")
                    for part in turn.sends.indices { rows.insert("sends: \(name) \(turn.id) \(part)") }
                }
                let lineAge = weekEnd?(turn.daysAgo) ?? turn.daysAgo
                let texts = ["pergunta \(turn.id)"] + turn.sends.indices.map { "resposta \(turn.id).\($0)" }
                for (index, text) in texts.enumerated() {
                    let isHighest = isLast && index == texts.count - 1
                    if lineAge < retention || !isFree || isHighest { rows.insert("messages: \(name) \(text)") }
                }
            }
            if let closing = conversation.closingDaysAgo, closing < retention || !isFree {
                rows.insert("timers_audit: \(name)")
                rows.insert("turns: \(name) closing")
            }
        }
        return rows
    }
}
