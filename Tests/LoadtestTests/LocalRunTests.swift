import CardumeLoad
import Foundation
import TestSupport
import Testing

@testable import CardumeLoadtest
@testable import CardumeTesting

/// The real program under load by the real generator: Redis, PostgreSQL, a gateway, workers and all.
@Suite(.serialized, .timeLimit(.minutes(5))) struct LocalRunTests {
    private struct Outcome {
        let status: Int32
        let output: String
        let results: RunResults?
        let folder: String
    }

    /// Generators on a machine that tests share may be late; the runtime may be slow in a debug build.
    private static let patient = ["--lateness", "30s", "--patience", "20s"]

    private static func run(
        _ arguments: [String], in folder: CardumeTesting.TemporaryFolder, environment: [String] = [],
        signal: (Int32, when: String)? = nil
    ) async throws -> Outcome {
        let (log, output) = (folder.path + "/log-\(UUID().uuidString)", folder.path + "/results")
        var all = arguments
        if !arguments.contains("--resume") { all += ["--output", output] }
        let command = ["/usr/bin/env"] + environment + [try Program.path("cardume-loadtest")] + all
        let process = try ServerProcess(command, folder: folder.path, log: log)
        func read() -> String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }
        if let (signal, text) = signal {
            try await Waiting.until("\(text) in \(read())", within: .seconds(90)) {
                read().contains(text) || !process.isRunning
            }
            process.signal(signal)
        }
        await process.end()
        return Outcome(
            status: process.status ?? -1, output: read(), results: try? RunResults.read(output + "/results.json"),
            folder: output)
    }

    private static func objectives(_ folder: CardumeTesting.TemporaryFolder, _ yaml: String) throws -> [String] {
        let path = folder.path + "/objectives.yaml"
        try Data(yaml.utf8).write(to: URL(filePath: path))
        return ["--objectives", path]
    }

    private static let exact = "lost: 0\nreordered: 0\nduplicates: 0\nerrors: 0%\nadded_p95: 20s\n"
    private static let quick = [
        "--local", "--workers", "2", "--model-latency", "p50=50ms,p95=100ms", "--session-messages", "6",
    ]

    @Test func aRampAgainstEverythingForRealPasses() async throws {
        let folder = CardumeTesting.TemporaryFolder()
        let outcome = try await Self.run(
            ["ramp", "--rates", "20,40", "--step", "4s"] + Self.quick + Self.patient + Self.objectives(folder, Self.exact),
            in: folder)
        #expect(outcome.status == 0, "\(outcome.output.suffix(3_000))")
        let results = try #require(outcome.results)
        #expect(results.steps.map(\.step.name) == ["20/s", "40/s"])
        let intended = results.steps.reduce(0) { $0 + $1.intended }
        #expect((150...330).contains(intended))
        #expect(results.steps.reduce(0) { $0 + $1.replied } == intended)
        #expect(results.steps.allSatisfy { $0.added.count > 0 && $0.added.count <= $0.replied })
        let cost = try #require(results.cost)
        #expect(
            cost.workers == 2 && cost.messages == intended && cost.workerCPU > 0 && cost.redisCommands > 0 && cost.commits > 0)
        #expect(results.timeline.stretches.contains { $0.memory ?? 0 > 0 }, "the target's metrics were seen")
        for file in ["metrics.prom", "report.html"] {
            #expect(FileManager.default.fileExists(atPath: "\(outcome.folder)/\(file)"))
        }
        print("load test: \(intended) messages, reply p95 \(results.steps.map { $0.value(of: .replyP95) ?? 0 })")
    }

    /// The negative control: a runtime that does everything right, and a sink that lies.
    @Test(arguments: Saboteur.Fault.allCases)
    func theOracleFindsWhatTheSinkFalsifies(fault: Saboteur.Fault) async throws {
        let folder = CardumeTesting.TemporaryFolder()
        let outcome = try await Self.run(
            [
                "steady", "--rate", "40", "--length", "8s", "--sabotage", fault.rawValue, "--sabotage-every", "10",
                // None that nobody but its contact can tell from others: a reply that is missing would be taken for another's.
                "--conversations", "16", "--meta-share", "0",
            ]
                + Self.quick + ["--lateness", "30s", "--patience", "12s"] + Self.objectives(folder, Self.exact), in: folder)
        #expect(outcome.status == 1, "\(outcome.output.suffix(3_000))")
        let step = try #require(outcome.results?.steps.first)
        #expect(fault == .drop || step.lost == 0)
        #expect(fault == .swap || step.reordered == 0)
        #expect(fault == .duplicate || step.duplicates == 0)
        switch fault {
        case .drop: #expect(step.lost > 5)
        case .swap: #expect(step.reordered > 2)
        case .duplicate: #expect(step.duplicates > 5)
        }
    }

    @Test func repliesMayComeFromTheAPI() async throws {
        let folder = CardumeTesting.TemporaryFolder()
        let outcome = try await Self.run(
            ["steady", "--rate", "20", "--length", "4s", "--door", "api"] + Self.quick + Self.patient
                + Self.objectives(folder, Self.exact), in: folder)
        #expect(outcome.status == 0, "\(outcome.output.suffix(3_000))")
        let step = try #require(outcome.results?.steps.first)
        #expect(step.replied == step.intended && step.intended > 40)
    }

    @Test func moreThanItTakesIsRefusedAndNothingAcceptedIsLost() async throws {
        let folder = CardumeTesting.TemporaryFolder()
        let outcome = try await Self.run(
            [
                "stress", "--rate", "100", "--length", "6s", "--local", "--workers", "1", "--slots", "2", "--threshold", "10",
                "--model-latency", "200ms",
            ] + Self.patient, in: folder)
        #expect(outcome.status == 0, "\(outcome.output.suffix(3_000))")
        let step = try #require(outcome.results?.steps.first)
        #expect(step.refused > 50 && step.accepted > 50)
        #expect(step.withoutRetryAfter == 0 && step.lost == 0 && step.replied == step.accepted)
    }

    @Test func anInterruptedSoakGoesOn() async throws {
        let folder = CardumeTesting.TemporaryFolder()
        let objectives = try Self.objectives(folder, Self.exact)
        let first = try await Self.run(
            ["soak", "--rate", "20", "--length", "12s"] + Self.quick + Self.patient + objectives, in: folder,
            signal: (SIGINT, when: "soak  intended"))
        #expect(first.status == 3, "\(first.output.suffix(3_000))")
        let interrupted = try #require(first.results)
        #expect(interrupted.isInterrupted && interrupted.loadedSeconds < 12)
        let second = try await Self.run(
            ["soak", "--resume", first.folder + "/results.json"] + Self.quick + Self.patient + objectives, in: folder)
        #expect(second.status == 0, "\(second.output.suffix(3_000))")
        let whole = try #require(second.results)
        #expect(whole.segments == 1 && !whole.isInterrupted)
        #expect(abs(whole.loadedSeconds - 12) < 0.001)
        let steps = try #require(whole.steps.first)
        #expect(steps.intended > (interrupted.steps.first?.intended ?? 0) && steps.replied == steps.intended)
        #expect((150...350).contains(steps.intended))
        #expect(whole.steps.count == 1)
    }

    /// 0.0.0.0 leads to this machine, and does not look like it.
    @Test func aTargetThatConsentsIsLoadedAndNoMoreThanItWants() async throws {
        let folder = CardumeTesting.TemporaryFolder()
        let sink = FreePort.take()
        let lines = ChannelLines(prefix: "carga-", assistants: ["suporte", "financeiro"])
        let configuration =
            [
                "data_folder: \(folder.path)/data", "http: { port: 0 }", "log: { format: json }",
                "evolution_webhook: { key: chave }", "loadtest: { consent: pode-carregar, max_rate: 30 }",
                "model: { base_url: \"http://127.0.0.1:\(sink)/v1\", keyless: true }",
                "assistants: { suporte: { slots: 100 }, financeiro: { slots: 100 } }",
            ] + lines.configuration(sink: "http://127.0.0.1:\(sink)")
        let file = folder.path + "/cardume.yaml"
        try configuration.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
        let program = try await CardumeInstance("run", name: "run", configuration: file, folder: folder.path)
        let arguments =
            [
                "steady", "--target", "http://0.0.0.0:\(program.port)/", "--sink-host", "127.0.0.1", "--sink-port", "\(sink)",
                "--length", "3s", "--assistants", "suporte=1,financeiro=1", "--model-latency", "50ms",
            ] + Self.patient + (try Self.objectives(folder, Self.exact))
        let environment = ["LOADTEST_EVOLUTION_KEY=chave"]
        let stranger = try await Self.run(
            arguments + ["--consent", "outro"], in: folder, environment: environment)
        #expect(stranger.status == 2)
        #expect(
            stranger.output.contains("does not consent to a load test (/loadtest/v1/consent answered 401)"),
            "\(stranger.output)")
        let consent = environment + ["LOADTEST_CONSENT=pode-carregar"]
        let much = try await Self.run(arguments + ["--rate", "31"], in: folder, environment: consent)
        #expect(much.status == 2)
        #expect(much.output.contains("31 messages/s is more than the limit of 30"), "\(much.output)")
        let allowed = try await Self.run(arguments + ["--rate", "30"], in: folder, environment: consent)
        #expect(allowed.status == 0, "\(allowed.output.suffix(3_000))")
        let step = try #require(allowed.results?.steps.first)
        #expect(step.replied == step.intended && step.intended > 50)
        await program.end()
    }

    @Test func anotherMachineIsNotLoadedUnasked() async throws {
        let folder = CardumeTesting.TemporaryFolder()
        // An address for documentation: nobody has it.
        let silent = try await Self.run(["steady", "--target", "http://192.0.2.1:1"], in: folder)
        #expect(silent.status == 2)
        #expect(silent.output.contains("must be configured with `loadtest.consent`"), "\(silent.output)")
        let much = try await Self.run(["steady", "--target", "http://192.0.2.1:1", "--rate", "301"], in: folder)
        #expect(much.status == 2)
        #expect(much.output.contains("301 messages/s is more than the limit of 300"), "\(much.output)")
    }
}
