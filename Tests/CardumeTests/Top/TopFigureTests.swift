import CardumeCore
import Foundation
import Testing

@testable import Cardume
@testable import CardumeRuntime

/// What `cardume top` makes of two readings.
@Suite struct TopFigureTests {
    /// A reading at a time, of pages by address; `nil` for one that does not answer.
    static func reading(_ seconds: Double, _ pages: [String: String?]) -> TopReading {
        var reading = TopReading(
            time: Timestamp(milliseconds: 1_795_176_000_000 + Int64(seconds * 1_000)),
            uptime: .milliseconds(Int(seconds * 1_000)))
        reading.processes = pages.sorted { $0.key < $1.key }.map { address, page in
            TopReading.Process(
                name: address, address: address, figures: page.map { MetricFigures($0 + "\n") },
                problem: page == nil ? "nobody listens there" : nil)
        }
        return reading
    }

    static func page(_ lines: String...) -> String { lines.joined(separator: "\n") }

    private static func finished(_ count: Int, depth: Int) -> String {
        Self.page(
            #"cardume_build_info{role="worker",version="1"} 1"#,
            #"cardume_messages_finished_total{assistant="suporte"} \#(count)"#,
            #"cardume_queue_depth{assistant="suporte",lane="light"} \#(depth)"#,
            #"cardume_slots_in_use{assistant="suporte",lane="light"} 3"#, #"cardume_slots_limit{assistant="suporte"} 8"#)
    }

    @Test func ratesAreSumsOverProcessesThatAnsweredTwice() throws {
        let before = Self.reading(10, ["a": Self.finished(100, depth: 50), "b": Self.finished(900, depth: 50), "d": nil])
        // The second has started anew; the third was not there before; the fourth is back.
        let now = Self.reading(
            15,
            [
                "a": Self.finished(150, depth: 70), "b": Self.finished(25, depth: 70), "c": Self.finished(999, depth: 70),
                "d": Self.finished(5_000, depth: 70),
            ])
        let figures = TopFigures(now, since: before)
        #expect(figures.windowSeconds == 5)
        #expect(figures.totals.finishedPerSecond == 15)
        #expect(figures.totals.receivedPerSecond == nil, "nobody has doors")
        let queue = try #require(figures.queues.first)
        #expect(queue.queue == "suporte" && queue.depth == 70, "the deployment's depth is said by each")
        #expect(queue.outPerSecond == 15 && queue.inPerSecond == 19, "in: what left, and what the depth grew by")
        #expect(queue.running == 12)
        let slots = try #require(figures.slots.first)
        #expect(slots.inUse == 12 && slots.limit == 32, "slots are each process's own")
        #expect(figures.processes.map(\.problem) == [nil, nil, nil, nil])
    }

    @Test func withoutAnEarlierReadingThereAreNoRates() throws {
        let figures = TopFigures(Self.reading(1, ["a": Self.finished(100, depth: 50)]), since: nil)
        #expect(figures.windowSeconds == nil && figures.totals.finishedPerSecond == nil && figures.latencies.isEmpty)
        #expect(figures.queues.first?.depth == 50 && figures.queues.first?.outPerSecond == nil)
        let alone = TopFigures(
            Self.reading(2, ["b": Self.finished(1, depth: 0)]), since: Self.reading(1, ["a": Self.finished(1, depth: 0)]))
        #expect(alone.windowSeconds == nil, "nobody answered twice")
    }

    @Test func quantilesAreReckonedAsPrometheusDoes() throws {
        func page(_ scale: Int) -> String {
            let counts = [("0.1", 10), ("0.5", 90), ("1", 100), ("+Inf", 100)]
            return counts.map { bound, count in
                #"cardume_turn_wait_seconds_bucket{assistant="suporte",le="\#(bound)"} \#(count * scale)"#
            }.joined(separator: "\n")
        }
        let figures = TopFigures(
            Self.reading(2, ["a": page(3), "b": page(2)]), since: Self.reading(1, ["a": page(2), "b": page(1)]))
        let latency = try #require(figures.latencies.first)
        #expect(latency.what == "wait" && latency.of == "suporte" && latency.perSecond == 200)
        #expect(abs(latency.p50 - 0.3) < 1e-9 && abs(latency.p95 - 0.75) < 1e-9 && abs(latency.p99 - 0.95) < 1e-9)
        typealias Distribution = MetricGrowth.Distribution
        #expect(Distribution(counts: [1: 0, 2: 0, .infinity: 5]).quantile(0.5) == 2, "beyond the last bound nothing is known")
        #expect(Distribution(counts: [1: 0, .infinity: 0]).quantile(0.5) == nil)
    }

    @Test func theWorstStateOfABreakerCounts() throws {
        func page(_ state: String) -> String {
            ["closed", "open", "half_open"].map {
                #"cardume_breaker_state{breaker="evolution a",state="\#($0)"} \#($0 == state ? 1 : 0)"#
            }.joined(separator: "\n")
        }
        let figures = TopFigures(Self.reading(1, ["a": page("closed"), "b": page("open"), "c": page("half_open")]), since: nil)
        let breaker = try #require(figures.breakers.first)
        #expect(breaker.state == "open" && breaker.processes == 1 && breaker.of == 3)
    }

    @Test func aHistoryKeepsTenSecondsAndNoMore() {
        var history = TopHistory()
        for second in 0...60 {
            history.add(Self.reading(Double(second) / 2, [:]))
            guard let latest = history.latest, let earlier = history.earlier else {
                #expect(second == 0)
                continue
            }
            let span = latest.uptime - earlier.uptime
            #expect(span > .zero && span <= TopHistory.window)
            if second >= 24 { #expect(span > .seconds(6), "\(span)") }
        }
        // After a long sleep, what there is must do.
        history.add(Self.reading(3_600, [:]))
        #expect(history.earlier != nil)
    }
}
