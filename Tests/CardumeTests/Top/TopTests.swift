import CardumeTesting
import CardumeTrials
import Foundation
import TestSupport
import Testing

@testable import CardumeTesting

/// `cardume top` of the real program, before real processes.
@Suite(.serialized, .timeLimit(.minutes(3))) struct TopTests {
    private static let token = "token-de-operador"

    private struct Object: Decodable {
        struct Totals: Decodable {
            let depth: Int?
            let load_level: String?
            let dead_letters: Int?
            let finished_per_second: Double?
        }
        struct Queue: Decodable {
            let queue: String
            let depth: Int
            let processes: Int?
        }
        struct Slots: Decodable {
            let assistant: String
            let limit: Int
        }
        struct Pool: Decodable {
            let verdict: String
        }
        struct Process: Decodable {
            let process: String
            let address: String
            let role: String?
            let partitions: Int?
            let problem: String?
        }
        let totals: Totals
        let queues: [Queue]
        let slots: [Slots]
        let pools: [Pool]
        let processes: [Process]
        let problems: [String]
        let window_seconds: Double?
    }

    private static func environment(_ port: Int, token: String = Self.token) -> [String: String] {
        ["CARDUME_ADMIN_URL": "http://127.0.0.1:\(port)", "CARDUME_ADMIN_TOKEN": token]
    }

    private static func call(
        _ arguments: [String], _ environment: [String: String], folder: String
    ) async throws -> (status: Int32, output: String) {
        let process = try CardumeProcess(["top"] + arguments, environment: environment, folder: folder)
        return (await process.end(), process.output)
    }

    private static func object(_ line: String) throws -> Object { try JSONDecoder().decode(Object.self, from: Data(line.utf8)) }

    // MARK: On a terminal

    @Test func aTerminalIsDrawnOnAndGivenBack() async throws {
        let deployment = try await Deployment(extra: "admin: { token: \(Self.token) }")
        try await deployment.start()
        try await deployment.deliverAll(conversations: 5, messages: 2)
        try await deployment.settle(replies: 10)
        let terminal = try PseudoTerminal(
            ["top", "--interval", "0.2"], environment: Self.environment(try deployment.port), folder: deployment.folder.path)
        try await terminal.shows("suporte")
        #expect(!terminal.isAsUsual && terminal.output.hasPrefix("\u{1B}[?1049h\u{1B}[?25l"))
        #expect(terminal.frame.count == 24)
        try await terminal.shows("scale: no")
        terminal.type("2")
        try await terminal.shows("ADAPTIVE")
        terminal.type("\u{1B}[C")
        try await terminal.shows("BREAKER")
        terminal.type("6")
        try await terminal.shows("CONVERSATIONS")
        terminal.type("s")
        try await terminal.shows("sort: load")
        terminal.type("p")
        try await terminal.shows("PAUSED")
        terminal.type("p1")
        terminal.type("?")
        try await terminal.shows("another view")
        terminal.type("?")
        terminal.resize(columns: 40, rows: 12)
        try await Waiting.until("a smaller picture") {
            let frame = terminal.frame
            return frame.count == 12 && frame.allSatisfy { $0.count <= 40 } && frame.contains { $0.contains("suporte") }
        }
        print(terminal.frame.joined(separator: "\n"))
        terminal.type("q")
        #expect(try await terminal.end() == 0)
        #expect(terminal.isAsUsual && terminal.output.hasSuffix("\u{1B}[?25h\u{1B}[?1049l"))
        #expect(try await deployment.terminate() == 0)
    }

    @Test(arguments: [SIGTERM, SIGINT, SIGHUP, 0]) func whateverEndsItTheTerminalIsGivenBack(_ signal: Int32) async throws {
        let folder = TemporaryFolder()
        // Nobody is there: it goes on asking, and says so.
        let terminal = try PseudoTerminal(
            ["top", "--interval", "0.2"], environment: Self.environment(FreePort.take()).merging(["NO_COLOR": "1"]) { $1 },
            folder: folder.path)
        try await terminal.shows("nobody listens there")
        #expect(!terminal.output.contains(#/\u{1B}\[(1;)?3[0-9]m/#), "no colours were wanted")
        // 0: control and C.
        if signal == 0 { terminal.type("\u{3}") } else { terminal.signal(signal) }
        #expect(try await terminal.end() == 0)
        #expect(terminal.isAsUsual && terminal.output.hasSuffix("\u{1B}[?25h\u{1B}[?1049l"))
    }

    // MARK: Elsewhere

    @Test func pipesGetTextAndFailuresAreNamed() async throws {
        let deployment = try await Deployment(extra: "admin: { token: \(Self.token) }")
        try await deployment.start()
        let (port, folder) = (try deployment.port, deployment.folder.path)
        let once = try await Self.call(["--once", "--interval", "0.2"], Self.environment(port), folder: folder)
        #expect(
            once.status == 0 && once.output.contains("1/1 processes") && once.output.contains("PROCESSES"), "\(once.output)")
        #expect(!once.output.contains("\u{1B}"))
        print(once.output)
        let stranger = try await Self.call(
            ["--once", "--interval", "0.2"], Self.environment(port, token: "token-errado-de-ninguem"), folder: folder)
        #expect(stranger.status == 0 && stranger.output.contains("! /admin: answered 401"), "\(stranger.output)")
        #expect(stranger.output.contains("suporte"), "what /metrics says is shown")
        let nobody = try await Self.call(["--once"], Self.environment(FreePort.take()), folder: folder)
        #expect(nobody.status == 1 && nobody.output.contains("nobody listens there"), "\(nobody.output)")
        let wrong = try await Self.call(["--interval", "0"], Self.environment(port), folder: folder)
        #expect(wrong.status == 64 && wrong.output.contains("--interval must be 0.2 to 60"))
        #expect(try await deployment.terminate() == 0)
    }

    @Test func whoGoesAwayIsAskedAgain() async throws {
        let deployment = try await Deployment(extra: "admin: { token: \(Self.token) }")
        let port = FreePort.take()
        try await deployment.start(environment: ["CARDUME_HTTP_PORT": "\(port)"])
        let top = try CardumeProcess(
            ["top", "--json", "--interval", "0.2"], environment: Self.environment(port), folder: deployment.folder.path)
        func latest(_ what: String, _ condition: (Object) -> Bool) async throws {
            try await Waiting.until("\(what): \(top.output.suffix(1_000))") {
                try top.lines("{").last.map { condition(try Self.object($0)) } ?? false
            }
        }
        try await latest("an answer") { $0.processes[0].problem == nil && $0.window_seconds ?? 0 > 0 }
        try await deployment.crash()
        try await latest("its absence") { $0.processes[0].problem == "nobody listens there" && $0.queues.isEmpty }
        try await deployment.start(environment: ["CARDUME_HTTP_PORT": "\(port)"])
        try await latest("its return") { $0.processes[0].problem == nil && $0.totals.finished_per_second != nil }
        #expect(!top.hasEnded)
        top.signal(SIGTERM)
        await top.end()
        #expect(try await deployment.terminate() == 0)
    }

    @Test func oneProcessOfAClusterNamesTheOthers() async throws {
        let deployment = try await ClusterDeployment()
        func start(_ role: String) async throws -> (process: CardumeProcess, port: Int) {
            let port = FreePort.take()
            let environment = [
                "CARDUME_ADMIN_TOKEN": Self.token, "CARDUME_HTTP_PORT": "\(port)",
                "CARDUME_HTTP_ADVERTISE": "http://127.0.0.1:\(port)",
            ]
            return (try await deployment.start(role, environment: environment), port)
        }
        let workers = [try await start("worker"), try await start("worker")]
        let gateway = try await start("gateway")
        try await deployment.balance(over: 2)
        let arguments = ["--once", "--json", "--interval", "0.2"]
        func ask(_ port: Int, _ more: [String] = []) async throws -> Object {
            let (status, output) = try await deployment.call(["top"] + arguments + more, environment: Self.environment(port))
            #expect(status == 0, "\(output)")
            return try Self.object(output)
        }
        let roles = ["gateway", "worker", "worker"]
        let seen = try await ask(gateway.port)
        #expect(seen.processes.compactMap(\.role) == roles && seen.processes.allSatisfy { $0.problem == nil }, "\(seen)")
        #expect(seen.processes.reduce(0) { $0 + ($1.partitions ?? 0) } == 64 && seen.problems == [])
        #expect(seen.slots.first?.limit == 400 && seen.queues.first?.processes == 2, "\(seen)")
        #expect(seen.pools.first?.verdict.hasPrefix("scale: no") == true && seen.totals.depth == 0)
        // A worker is one of those it names.
        let own = try await ask(workers[0].port)
        #expect(own.processes.count == 2 && own.processes.reduce(0) { $0 + ($1.partitions ?? 0) } == 64, "\(own)")
        // Exactly those that are given.
        let given = try await ask(
            gateway.port, ["--url", "http://127.0.0.1:\(workers[0].port)", "--url", "http://localhost:\(workers[1].port)/"])
        #expect(given.processes.compactMap(\.role) == ["worker", "worker"], "\(given)")
        workers[1].process.signal(SIGKILL)
        await workers[1].process.end()
        let missing = try await ask(gateway.port)
        #expect(
            missing.processes.contains { $0.problem == "nobody listens there" } || missing.processes.count == 2, "\(missing)")
        let versions = try await deployment.call(["migrate", "status", "--json"])
        #expect(
            versions.status == 0 && versions.output.hasPrefix(#"[{"name":"#) && versions.output.contains(#""state":"applied""#))
        for process in [workers[0].process, gateway.process] { process.signal(SIGTERM) }
        for process in [workers[0].process, gateway.process] { #expect(await process.end() == 0) }
    }
}
