import CardumeTesting
import CardumeTrials
import Foundation
import TestSupport
import Testing

@testable import CardumeTesting

/// What commands print: for people, for programs, for shells.
@Suite(.timeLimit(.minutes(2))) struct CommandOutputTests {
    private static let token = "token-de-operador"

    private static func call(
        _ arguments: [String], _ environment: [String: String] = [:], folder: String
    ) async throws -> (status: Int32, output: String) {
        let process = try CardumeProcess(arguments, environment: environment, folder: folder)
        return (await process.end(), process.output)
    }

    @Test func longValuesAreCutInListsAndNowhereElse() async throws {
        let deployment = try await Deployment(extra: "admin: { token: \(Self.token) }")
        try await deployment.start()
        let environment = [
            "CARDUME_ADMIN_TOKEN": Self.token, "CARDUME_ADMIN_URL": "http://127.0.0.1:\(try deployment.port)",
        ]
        let value = (1...400).map { "linha \($0)" }.joined(separator: "\n")
        func call(_ arguments: String...) async throws -> String {
            let (status, output) = try await Self.call(arguments, environment, folder: deployment.folder.path)
            #expect(status == 0, "\(arguments): \(output)")
            return output
        }
        _ = try await call("settings", "set", "suporte.prompt", value)
        let list = try await call("settings", "list")
        #expect(list.contains("linha 1 linha 2") && !list.contains("linha 20"), "\(list)")
        #expect(list.split(separator: "\n").allSatisfy { $0.count < 300 })
        #expect(try await call("settings", "get", "suporte.prompt").contains(value))
        struct Page: Decodable {
            struct Setting: Decodable {
                let path: String
                let value: String?
            }
            let settings: [Setting]
        }
        let page = try JSONDecoder().decode(Page.self, from: Data(try await call("settings", "list", "--json").utf8))
        #expect(page.settings.first { $0.path == "assistants.suporte.prompt" }?.value == value)
        #expect(try await deployment.terminate() == 0)
    }

    @Test(arguments: [["config", "check"], ["config", "print"], ["config", "keys"], ["metrics", "list"]])
    func whatAsksNoProcessPrintsJSONToo(_ command: [String]) async throws {
        let folder = TemporaryFolder()
        let yaml = "assistants: { suporte: { prompt: oi } }\nadmin: { token: \(Self.token) }"
        try Data(yaml.utf8).write(to: URL(filePath: folder.path + "/cardume.yaml"))
        let (status, output) = try await Self.call(command + ["--json"], folder: folder.path)
        let value = try JSONSerialization.jsonObject(with: Data(output.utf8))
        #expect(status == 0 && ((value as? [Any])?.count ?? 0 > 2 || value is [String: Any]), "\(output.prefix(300))")
        #expect(!output.contains(Self.token))
        let text = try await Self.call(command, folder: folder.path)
        #expect(text.status == 0 && (try? JSONSerialization.jsonObject(with: Data(text.output.utf8))) == nil)
    }

    @Test func aTrialsOutcomeIsPrintedAsJSON() async throws {
        let folder = TemporaryFolder()
        let trace = try await Self.call(["autoscale", "trace", "steady"], folder: folder.path)
        try Data((trace.output + "\n").utf8).write(to: URL(filePath: folder.path + "/steady.csv"))
        let manifest = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../../k8s/overlays/prometheus-adapter/hpa-worker.yaml").standardizedFileURL.path
        let (status, output) = try await Self.call(
            ["autoscale", "simulate", "--manifest", manifest, "--trace", "steady.csv", "--json"], folder: folder.path)
        struct Outcome: Decodable {
            let messages: Double
            let peak_replicas: Int
            let verdict: [String]
        }
        let outcome = try JSONDecoder().decode(Outcome.self, from: Data(output.utf8))
        #expect(status == 0 && outcome.messages > 0 && outcome.peak_replicas >= 2 && !outcome.verdict.isEmpty, "\(output)")
    }

    // MARK: Completions

    private struct Help: Decodable {
        struct Command: Decodable {
            let commandName: String
            let subcommands: [Command]?

            /// The names of all commands below, as they are called.
            func paths(below: [String] = []) -> [[String]] {
                let own = below + [self.commandName]
                return [own] + (self.subcommands ?? []).filter { $0.commandName != "help" }.flatMap { $0.paths(below: own) }
            }
        }
        let command: Command
    }

    @Test func completionsOfThreeShellsKnowEveryCommand() async throws {
        let folder = TemporaryFolder()
        let help = try await Self.call(["--experimental-dump-help"], folder: folder.path)
        let paths = try JSONDecoder().decode(Help.self, from: Data(help.output.utf8)).command.paths()
        #expect(paths.count > 45 && paths.contains(["cardume", "dlq", "replay"]) && paths.contains(["cardume", "top"]))
        for shell in ["bash", "zsh", "fish"] {
            let (status, script) = try await Self.call(["--generate-completion-script", shell], folder: folder.path)
            #expect(status == 0)
            for path in paths.dropFirst() {
                let mark =
                    shell == "fish"
                    ? "\"\(path.dropLast().joined(separator: " "))\" -eq 1' -fa '\(path.last ?? "")'"
                    : "_\(path.joined(separator: "_"))()"
                #expect(script.contains(mark), "\(shell) does not know \(path): \(mark)")
            }
        }
    }

    @Test(arguments: [
        (["cardume", "to"], ["top"]), (["cardume", "dlq", "repl"], ["replay", "replays"]),
        (["cardume", "conversation", "h"], ["held", "hold"]), (["cardume", "top", "--in"], ["--interval"]),
        (["cardume", "dlq", "replay", "--fi"], ["--fingerprint"]),
    ])
    func bashCompletes(_ words: [String], _ expected: [String]) async throws {
        let folder = TemporaryFolder()
        let script = try await Self.call(["--generate-completion-script", "bash"], folder: folder.path)
        try Data((script.output + "\n").utf8).write(to: URL(filePath: folder.path + "/completion.bash"))
        let line = words.joined(separator: " ")
        let program = """
            source completion.bash
            COMP_WORDS=(\(line)) COMP_CWORD=\(words.count - 1) COMP_LINE='\(line)' COMP_POINT=\(line.count)
            _cardume cardume '\(words[words.count - 1])' '\(words[words.count - 2])'
            printf '%s\\n' "${COMPREPLY[@]}"
            """
        let output = try await Command.run(["/bin/bash", "-c", program], folder: folder.path)
        #expect(output.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.sorted() == expected, "\(output)")
    }
}
