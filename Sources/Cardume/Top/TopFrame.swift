import CardumeRuntime

/// One picture of a deployment: a function of what is known of it, what is looked at, and the room there is.
struct TopFrame: Sendable {
    private(set) var lines: [StyledLine] = []
    /// Lines of the view for which there is no room: how far it can be scrolled.
    private(set) var hidden = 0

    /// - Parameters:
    ///   - figures: `nil` before the first reading.
    ///   - rows: `nil` for as many as it takes.
    init(_ figures: TopFigures?, _ screen: TopScreen = TopScreen(), columns: Int, rows: Int? = nil) {
        let width = max(1, columns)
        var head = figures.map { Self.head($0, screen) } ?? [StyledLine("cardume top: asking…", .bold)]
        if rows != nil { head.append(Self.tabs(screen, width: width)) }
        head += (figures?.problems ?? []).prefix(3).map { StyledLine("! \($0)", .bad) }
        let body: [StyledLine]
        if screen.showsHelp {
            body = Self.help
        } else {
            body = figures.map { TopViews(figures: $0, sort: screen.sort, width: width).lines(screen.view) } ?? []
        }
        let foot = StyledLine("q quit  p pause  s sort: \(screen.sort.rawValue)  ←→ views  ↑↓ scroll  ? help", .dim)
        guard let rows else {
            self.lines = (head + [StyledLine()] + body).map { $0.cut(to: width) }
            return
        }
        let room = max(0, rows - head.count - 2)
        let first = min(screen.scroll, max(0, body.count - room))
        self.hidden = max(0, body.count - room)
        var shown = Array(body.dropFirst(first).prefix(room))
        let below = body.count - first - shown.count
        if below > 0, !shown.isEmpty { shown[shown.count - 1] = StyledLine("… \(below + 1) more lines below", .dim) }
        let filler = Array(repeating: StyledLine(), count: max(0, room - shown.count))
        let all = head + [StyledLine()] + shown + filler + [foot]
        self.lines = all.prefix(max(1, rows)).map { $0.cut(to: width) }
    }

    /// For pipes: without escapes.
    var text: String { self.lines.map { $0.plain + "\n" }.joined() }

    private static func head(_ figures: TopFigures, _ screen: TopScreen) -> [StyledLine] {
        let totals = figures.totals
        var title = StyledLine("cardume top", .bold)
        let answering = figures.processes.count { $0.problem == nil }
        title.append("  \(answering)/\(figures.processes.count) processes", answering < figures.processes.count ? .bad : .plain)
        if let level = totals.loadLevel {
            title.append("  load ")
            title.append(level, level == "critical" ? .bad : level == "high" ? .warning : .good)
        }
        title.append("  \(Table.time(figures.at)) UTC", .dim)
        if screen.isPaused { title.append("  PAUSED", .reverse) }
        var rates = StyledLine("in \(Short.rate(totals.receivedPerSecond))/s  out \(Short.rate(totals.finishedPerSecond))/s")
        rates.append("  replies \(Short.rate(totals.repliesPerSecond))/s  retries \(Short.rate(totals.retriesPerSecond))/s")
        var letters = StyledLine("depth \(Short.count(totals.depth))  in flight \(Short.count(totals.inFlight))  dead letters ")
        let isDying = totals.deadLettersPerSecond ?? 0 > 0
        letters.append("\(Short.rate(totals.deadLettersPerSecond))/s", isDying ? .bad : .plain)
        if let total = totals.deadLetters {
            letters.append(", \(Short.count(total)) kept, \(Short.count(totals.deadLettersLatestHour)) in the last hour")
        }
        if let replays = totals.runningReplays, replays > 0 {
            letters.append("  \(replays) \(replays == 1 ? "replay" : "replays")", .warning)
        }
        return [title, rates, letters]
    }

    private static func tabs(_ screen: TopScreen, width: Int) -> StyledLine {
        func line(_ title: (TopScreen.View) -> String) -> StyledLine {
            var line = StyledLine()
            for view in TopScreen.View.allCases {
                line.append(" \(title(view)) ", view == screen.view ? .reverse : .plain)
            }
            return line
        }
        let whole = line { "\($0.rawValue + 1) \($0.title)" }
        return whole.width <= width ? whole : line { "\($0.rawValue + 1)\($0 == screen.view ? " \($0.title)" : "")" }
    }

    private static let help = [
        "1 to 6, ← →   another view",
        "↑ ↓           scroll",
        "s             sort by name, by load (the most first), by age (the slowest first)",
        "p, space      pause: the picture stays, the asking goes on",
        "? or h        this",
        "q, control C  quit",
        "",
        "Rates, quantiles and shares of time are those of the last ten seconds. A dash is a figure",
        "that nobody has said. In: what left, and what the depth grew by. Depth and age speak of the",
        "whole deployment; slots, adaptive limits and models are sums over the processes that answer.",
    ].map { StyledLine($0) }
}
