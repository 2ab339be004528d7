import CardumeCore
import Foundation
import Testing

@testable import Cardume
@testable import CardumeRuntime

/// Pictures without a terminal.
@Suite struct TopFrameTests {
    private static let names = ["suporte", "atendimento-東京-水族館-especial", "vendas🐟🐟🐟", "e\u{301}quipe", "x"]

    /// Something to show in every view, with names of all widths.
    private static let figures: TopFigures = {
        var lines: [String] = []
        for (index, name) in Self.names.enumerated() {
            lines += [
                #"cardume_queue_depth{assistant="\#(name)",lane="light"} \#(index * 1_000)"#,
                #"cardume_oldest_message_seconds{assistant="\#(name)",lane="light"} \#(90 - index)"#,
                #"cardume_slots_in_use{assistant="\#(name)",lane="light"} \#(index)"#,
                #"cardume_slots_limit{assistant="\#(name)"} 3"#,
                #"cardume_adaptive_limit{assistant="\#(name)",lane="light"} 2"#,
                #"cardume_gateway_server_up{channel="\#(name)",server="a"} \#(index % 2)"#,
                #"cardume_breaker_state{breaker="\#(name)",state="open"} \#(index % 2)"#,
                #"cardume_model_endpoint_limit{endpoint="\#(name)"} 20"#,
                #"cardume_dead_letters_total{assistant="\#(name)",category="timeout"} 7"#,
                #"cardume_turn_wait_seconds_bucket{assistant="\#(name)",le="1"} SCALE"#,
                #"cardume_turn_wait_seconds_bucket{assistant="\#(name)",le="+Inf"} SCALE"#,
            ]
        }
        lines.append(#"cardume_overall_load_level{level="high"} 1"#)
        let page = lines.joined(separator: "\n")
        var now = TopFigureTests.reading(
            9, ["http://a:8080": page.replacing("SCALE", with: "\(60)"), "http://b:8080": nil])
        now.problems = ["/admin: answered 401: the key, token or signature is missing or wrong"]
        return TopFigures(now, since: TopFigureTests.reading(4, ["http://a:8080": page.replacing("SCALE", with: "50")]))
    }()

    private static func screen(_ view: TopScreen.View, _ sort: TopScreen.Sort = .name) -> TopScreen {
        var screen = TopScreen()
        (screen.view, screen.sort) = (view, sort)
        return screen
    }

    @Test func everyViewFitsEveryTerminal() {
        var frames = 0
        for view in TopScreen.View.allCases {
            for sort in TopScreen.Sort.allCases {
                for columns in [1, 7, 20, 39, 40, 60, 80, 81, 132, 300] {
                    for rows in [1, 2, 5, 12, 24, 60] {
                        let frame = TopFrame(Self.figures, Self.screen(view, sort), columns: columns, rows: rows)
                        #expect(frame.lines.count <= rows)
                        for line in frame.lines { #expect(line.width <= columns, "\(view) \(columns): \(line.plain)") }
                        frames += 1
                    }
                }
            }
        }
        print("\(frames) frames fit")
    }

    @Test func columnsAreDroppedWhereThereIsNoRoom() {
        func header(_ columns: Int) -> [Substring] {
            let frame = TopFrame(Self.figures, Self.screen(.queues), columns: columns, rows: 24)
            return frame.lines.first { $0.plain.hasPrefix("QUEUE") }?.plain.split(separator: " ") ?? []
        }
        #expect(header(100) == ["QUEUE", "DEPTH", "OLDEST", "RUN", "WAIT", "IN/S", "OUT/S", "PROCS", "STATE"])
        var shown = header(100).count
        for columns in stride(from: 100, through: 13, by: -1) {
            let titles = header(columns)
            #expect(titles.count <= shown && titles.prefix(2) == ["QUEUE", "DEPTH"], "\(columns): \(titles)")
            shown = titles.count
        }
        #expect(shown == 2)
        let frame = TopFrame(Self.figures, Self.screen(.queues), columns: 80, rows: 24)
        let rows = frame.lines.map(\.plain)
        #expect(rows.contains { $0.hasPrefix("suporte") } && rows.contains { $0.hasPrefix("vendas🐟🐟🐟") })
        // Numbers end in the same column, whatever the names' widths.
        let states = rows.filter { $0.hasSuffix("  open") || $0.hasSuffix("  unserved") }
        #expect(Set(states.map { TextWidth.of(String($0.prefix(upTo: $0.range(of: "  open")!.lowerBound))) }).count == 1)
        #expect(states.count == Self.names.count)
    }

    @Test func textIsAsWideAsTerminalsDrawIt() {
        let widths = [
            ("abc", 3), ("東京", 4), ("🐟", 2), ("👩‍👩‍👧", 2), ("e\u{301}", 1), ("❤️", 2), ("🇧🇷", 2), ("…", 1), ("", 0), ("한글", 4),
            ("─", 1),
        ]
        for (text, width) in widths { #expect(TextWidth.of(text) == width, "\(text)") }
        #expect(TextWidth.prefix("a東b", 2) == "a" && TextWidth.prefix("a東b", 3) == "a東")
        #expect(StyledLine("東京東京").cut(to: 5).plain == "東京…" && StyledLine("東京東京").cut(to: 4).plain == "東…")
        #expect(StyledLine("abcd").cut(to: 4).plain == "abcd" && StyledLine("abcd").cut(to: 0).plain.isEmpty)
    }

    @Test func nothingThatOthersWroteReachesTheTerminal() {
        var figures = Self.figures
        figures.topErrors = [
            TopFigures.TopError(
                fingerprint: "bad \u{1B}[2J\u{7}\nnext\u{202E}line\u{9B}31m", count: 1, conversations: 1, lastAt: "",
                exampleID: 1)
        ]
        figures.problems = ["\u{1B}]0;title\u{7}"]
        let frame = TopFrame(figures, Self.screen(.errors), columns: 120, rows: 60)
        for line in frame.lines {
            let text = line.text(.colour)
            let left = text.replacing(#/\u{1B}\[[0-9;]*m/#, with: "")
            #expect(
                left.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) && $0 != "\u{202E}" },
                "\(text.debugDescription)")
        }
        #expect(frame.lines.contains { $0.plain.contains("bad ·[2J··next·line·31m") })
    }

    @Test func coloursAreOnlyThereWhereTheyAreWanted() {
        let frame = TopFrame(Self.figures, Self.screen(.gateways), columns: 80, rows: 40)
        func text(_ ink: Ink) -> String { frame.lines.map { $0.text(ink) }.joined(separator: "\n") }
        #expect(!text(.none).contains("\u{1B}"))
        #expect(text(.monochrome).contains("\u{1B}[7m") && !text(.monochrome).contains(#/\u{1B}\[(1;)?3/#))
        #expect(text(.colour).contains("\u{1B}[32m") && text(.colour).contains("\u{1B}[1;31m"))
    }

    @Test func whatIsWrongIsShown() {
        let first = TopFrame(nil, columns: 80, rows: 24)
        #expect(first.lines.first?.plain == "cardume top: asking…")
        let text = TopFrame(Self.figures, Self.screen(.processes), columns: 100, rows: 24).text
        #expect(
            text.contains("! /admin: answered 401") && text.contains("1/2 processes") && text.contains("nobody listens there"))
        let empty = TopFigures(TopFigureTests.reading(1, [:]), since: nil)
        for view in TopScreen.View.allCases {
            #expect(TopFrame(empty, Self.screen(view), columns: 80, rows: 24).lines.count == 24)
        }
    }

    @Test func rowsAreSortedAsAsked() {
        func order(_ sort: TopScreen.Sort) -> [String] {
            let lines = TopViews(figures: Self.figures, sort: sort, width: 200).lines(.queues).dropFirst().map(\.plain)
            return lines.compactMap { line in Self.names.first { line.hasPrefix($0 + " ") } }
        }
        #expect(order(.name) == Self.names.sorted())
        #expect(order(.load) == Self.names.reversed())
        #expect(order(.age) == Self.names)
    }

    @Test func whatHasNoRoomIsCountedAndReachedWithArrows() {
        var screen = Self.screen(.queues)
        func frame() -> TopFrame { TopFrame(Self.figures, screen, columns: 80, rows: 10) }
        #expect(frame().hidden > 0 && frame().lines.contains { $0.plain.contains("more lines below") })
        let first = frame().lines.map(\.plain)
        for _ in 0..<100 { #expect(screen.pressed(.down, most: frame().hidden) == .redraw) }
        #expect(screen.scroll == frame().hidden)
        #expect(frame().lines.map(\.plain) != first && !frame().lines.contains { $0.plain.contains("more lines") })
        for _ in 0..<100 { _ = screen.pressed(.up, most: frame().hidden) }
        #expect(frame().lines.map(\.plain) == first)
    }

    // MARK: Keys

    @Test func keysAreReadHoweverTheyArrive() {
        func keys(_ chunks: String...) -> [TopKey] {
            var reader = TopKeyReader()
            return chunks.flatMap { reader.read(Array($0.utf8)) }
        }
        #expect(keys("q2?") == [.character("q"), .character("2"), .character("?")])
        #expect(keys("\u{1B}[A\u{1B}OB\u{1B}[1;5C\u{1B}[D") == [.up, .down, .right, .left])
        #expect(keys("\u{1B}[", "Aq") == [.up, .character("q")], "cut in the middle")
        #expect(keys("\u{1B}", "q") == [.escape, .character("q")])
        #expect(keys("\u{3}\r\n\u{1B}[5~") == [.interrupt], "pages, lines: nothing")
        #expect(keys("é") == [])
    }

    @Test func keysChangeWhatIsLookedAt() {
        var screen = TopScreen()
        func press(_ key: TopKey) -> TopScreen.Action { screen.pressed(key, most: 3) }
        #expect(press(.character("3")) == .redraw && screen.view == .gateways)
        #expect(press(.right) == .redraw && screen.view == .latencies)
        for _ in 0..<4 { _ = press(.left) }
        #expect(screen.view == .processes, "around the end")
        #expect(press(.character("9")) == .none && press(.character("x")) == .none && screen.view == .processes)
        _ = press(.character("s"))
        #expect(screen.sort == .load)
        _ = press(.character("p"))
        #expect(screen.isPaused)
        _ = press(.character("?"))
        #expect(screen.showsHelp)
        #expect(press(.escape) == .redraw && !screen.showsHelp && press(.escape) == .none)
        #expect(press(.character("q")) == .quit && press(.interrupt) == .quit)
    }
}
