import Testing

/// How the overview reckons rates, run in the browser.
@Suite(.timeLimit(.minutes(2))) struct PanelTrafficTests {
    private struct Point: Decodable, Equatable {
        var inflow: Double?
        var replies: Double?
        var flight: Double?
        var waiting: Double?
        var oldest: Double?
        var errors: Double?
    }

    /// Samples and what becomes of them: figures of two processes, one of which starts anew; a pause; nothing counted.
    private static let script = """
        const { TrafficHistory } = await import('./traffic.js');
        const start = Date.parse('2026-01-01T00:00:00Z');
        const process = (name, second, born, finished, turns, failed, replies) => ({
            process: name, started_at: born, at: new Date(start + second * 1000).toISOString(),
            traffic: finished === null ? undefined : { finished, turns, failed_turns: failed, replies, dead_letters: 0 },
        });
        const queue = (name, assistant, depth, running, oldest) => ({
            queue: name, assistant, depth, running, oldest_seconds: oldest,
        });
        const history = new TrafficHistory();
        const add = (second, queues, ...processes) =>
            history.add({ queues }, { processes, silent: [] }, start + second * 1000);
        // Both lanes of an assistant name the same turns.
        add(0, [queue('a', 'a', 10, 2, 4), queue('a@heavy', 'a', 0, 2)],
            process('x', 0, '1', 100, 50, 5, 90), process('y', 0, '1', 0, 0, 0, 0));
        // 20 finished and 4 more in the queues within two seconds.
        add(2, [queue('a', 'a', 14, 2, 6)], process('x', 2, '1', 110, 60, 10, 98), process('y', 2, '1', 10, 10, 0, 10));
        // `y` has started anew: nothing of it counts until it is seen a second time.
        add(4, [queue('a', 'a', 14, 2)], process('x', 4, '1', 112, 62, 10, 100), process('y', 4, '2', 3, 3, 0, 3));
        // Nobody looked for a minute and a half.
        add(94, [queue('a', 'a', 0, 0)], process('x', 94, '1', 999, 99, 99, 999), process('y', 94, '2', 9, 9, 9, 9));
        add(96, [queue('a', 'a', 0, 0)], process('x', 96, '1', null), process('y', 96, '2', null));
        return history.points.map(({ inflow, replies, flight, waiting, oldest, errors }) =>
            ({ inflow, replies, flight, waiting, oldest, errors }));
        """

    @Test func ratesFollowFromFiguresThatOnlyGrow() async throws {
        let panel = try await PanelDeployment()
        try await panel.browser.open(try panel.address)
        let points = try await panel.browser.run("return (async () => {\(Self.script)})()", as: [Point].self)
        let idle = Point(flight: 0, waiting: 0, oldest: 0)
        #expect(
            points == [
                Point(flight: 2, waiting: 8, oldest: 4),
                Point(inflow: 12, replies: 9, flight: 2, waiting: 12, oldest: 6, errors: 0.25),
                Point(inflow: 1, replies: 1, flight: 2, waiting: 12, oldest: 0, errors: 5 / 22.0),
                // The line is broken.
                Point(), idle, idle,
            ])
        #expect(try await panel.deployment.terminate() == 0)
    }
}
