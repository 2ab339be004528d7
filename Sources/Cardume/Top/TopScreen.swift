/// A key that somebody has pressed.
enum TopKey: Equatable, Sendable {
    case character(Character)
    case up, down, left, right, escape
    /// Control and C.
    case interrupt
}

/// Makes keys of what a terminal sends.
struct TopKeyReader: Sendable {
    private var sequence: [UInt8] = []

    /// - Parameter bytes: of one read. An escape at its end is the key of that name.
    mutating func read(_ bytes: [UInt8]) -> [TopKey] {
        var keys: [TopKey] = []
        for byte in bytes {
            switch (self.sequence.count, byte) {
            case (0, 0x1B): self.sequence = [byte]
            case (0, 0x03): keys.append(.interrupt)
            case (0, 0x20..<0x7F): keys.append(.character(Character(UnicodeScalar(byte))))
            case (0, _): break
            // `ESC [` or `ESC O`, then parameters, then a letter.
            case (1, UInt8(ascii: "[")), (1, UInt8(ascii: "O")), (2..., 0x20..<0x40): self.sequence.append(byte)
            case (1, _):
                keys.append(.escape)
                self.sequence = byte == 0x1B ? [byte] : []
                if (0x20..<0x7F).contains(byte) { keys.append(.character(Character(UnicodeScalar(byte)))) }
            default:
                if let key = Self.arrows[byte] { keys.append(key) }
                self.sequence = []
            }
        }
        if self.sequence.count == 1 {
            keys.append(.escape)
            self.sequence = []
        }
        return keys
    }

    private static let arrows: [UInt8: TopKey] = [
        UInt8(ascii: "A"): .up, UInt8(ascii: "B"): .down, UInt8(ascii: "C"): .right, UInt8(ascii: "D"): .left,
    ]
}

/// What is looked at, and how.
struct TopScreen: Equatable, Sendable {
    enum View: Int, CaseIterable, Sendable {
        case queues, slots, gateways, latencies, errors, processes

        var title: String { "\(self)" }
    }

    enum Sort: String, CaseIterable, Sendable {
        case name
        /// The most first: depth, turns, rate, count.
        case load
        /// The slowest or oldest first.
        case age
    }

    enum Action: Equatable, Sendable {
        case none, redraw, quit
    }

    var view = View.queues
    var sort = Sort.name
    var isPaused = false
    var showsHelp = false
    /// Lines of the view that are above the window.
    private(set) var scroll = 0

    /// - Parameter most: to how far there is something below.
    mutating func pressed(_ key: TopKey, most: Int) -> Action {
        switch key {
        case .character("q"), .interrupt: return .quit
        case .escape:
            guard self.showsHelp else { return .none }
            self.showsHelp = false
        case .character("?"), .character("h"): self.showsHelp.toggle()
        case .character("p"), .character(" "): self.isPaused.toggle()
        case .character("s"): self.sort = Self.next(self.sort, by: 1)
        case .right: self.show(Self.next(self.view, by: 1))
        case .left: self.show(Self.next(self.view, by: -1))
        case .down: self.scroll = min(self.scroll + 1, max(0, most))
        case .up: self.scroll = max(0, self.scroll - 1)
        case .character(let digit):
            guard let number = digit.wholeNumberValue, let view = View(rawValue: number - 1) else { return .none }
            self.show(view)
        }
        return .redraw
    }

    private mutating func show(_ view: View) {
        self.view = view
        self.showsHelp = false
        self.scroll = 0
    }

    private static func next<Choice: CaseIterable & Equatable>(_ choice: Choice, by step: Int) -> Choice {
        let all = Array(Choice.allCases)
        let index = all.firstIndex(of: choice) ?? 0
        return all[(index + step + all.count) % all.count]
    }
}
