import CardumeActors
import CardumeCore
import Foundation
import UnixSignals

/// Asks and shows, again and again.
struct TopRun {
    enum Format {
        case text, json
    }

    private enum Event: Sendable {
        case reading(TopReading)
        case typed([UInt8])
        case resized
        /// Somebody wants it to end.
        case end
    }

    let scraper: TopScraper
    let interval: Duration
    private let clock = SystemClock()

    init(scraper: TopScraper, interval: Duration) {
        self.scraper = scraper
        self.interval = interval
    }

    // MARK: On a terminal

    /// Until somebody quits or a signal comes. However it ends, the terminal is as it was.
    func show() async {
        // Before the terminal is another one: from then on nothing may end this process but this function.
        let signals = await UnixSignalsSequence(trapping: [.sigint, .sigterm, .sighup, .sigwinch])
        let terminal = Terminal()
        defer { terminal.restore() }
        let (events, continuation) = AsyncStream<Event>.makeStream()
        Terminal.readKeys { continuation.yield(.typed($0)) }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.read(every: self.interval) { continuation.yield(.reading($0)) } }
            group.addTask {
                for await signal in signals {
                    continuation.yield(signal == .sigwinch ? .resized : .end)
                }
            }
            await self.draw(events, on: terminal)
            group.cancelAll()
        }
    }

    private func draw(_ events: AsyncStream<Event>, on terminal: Terminal) async {
        var (history, screen, keys) = (TopHistory(), TopScreen(), TopKeyReader())
        var figures: TopFigures?
        func frame() -> TopFrame {
            let size = terminal.size
            return TopFrame(figures, screen, columns: size.columns, rows: size.rows)
        }
        guard terminal.draw(frame()) else { return }
        for await event in events {
            switch event {
            case .reading(let reading):
                history.add(reading)
                guard !screen.isPaused else { continue }
                figures = TopFigures(reading, since: history.earlier)
            case .typed(let bytes):
                for key in keys.read(bytes) {
                    if screen.pressed(key, most: frame().hidden) == .quit { return }
                }
            case .resized: break
            case .end: return
            }
            guard terminal.draw(frame()) else { return }
        }
    }

    // MARK: Elsewhere

    /// Prints frames until nobody reads them; one when `isOnce`.
    ///
    /// - Returns: whether any process answered the last time.
    func print(as format: Format, isOnce: Bool) async -> Bool {
        let columns = ProcessInfo.processInfo.environment["COLUMNS"].flatMap { Int($0) } ?? 100
        var (history, hasAnswer, scraper) = (TopHistory(), false, self.scraper)
        while !Task.isCancelled {
            let begin = self.clock.uptime
            let reading = await scraper.read()
            history.add(reading)
            hasAnswer = reading.processes.contains { $0.figures != nil }
            // Rates need two readings; of one that nobody answered there will be none.
            if history.earlier != nil || !hasAnswer {
                let figures = TopFigures(reading, since: history.earlier)
                let text = format == .json ? Self.json(figures) : Self.views(figures, columns: columns)
                guard Output.write(text), !isOnce else { return hasAnswer }
            }
            guard await self.pause(since: begin) else { return hasAnswer }
        }
        return hasAnswer
    }

    /// All views, one below the other.
    private static func views(_ figures: TopFigures, columns: Int) -> String {
        var lines = TopFrame(figures, columns: columns).lines.map(\.plain)
        let views = TopViews(figures: figures, sort: .name, width: columns)
        for view in TopScreen.View.allCases.dropFirst() {
            lines += ["", view.title.uppercased()] + views.lines(view).map { $0.cut(to: columns).plain }
        }
        return lines.map { $0 + "\n" }.joined() + "\n"
    }

    private static func json(_ figures: TopFigures) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        guard let data = try? encoder.encode(figures) else { preconditionFailure("figures that cannot be encoded") }
        return String(decoding: data, as: UTF8.self) + "\n"
    }

    // MARK: Asking

    private func read(every interval: Duration, _ then: (TopReading) -> Void) async {
        var scraper = self.scraper
        while !Task.isCancelled {
            let begin = self.clock.uptime
            then(await scraper.read())
            guard await self.pause(since: begin) else { return }
        }
    }

    /// - Returns: whether it is to go on.
    private func pause(since begin: Duration) async -> Bool {
        let rest = self.interval - (self.clock.uptime - begin)
        guard rest > .zero else { return !Task.isCancelled }
        return (try? await self.clock.sleep(for: rest)) != nil
    }
}
