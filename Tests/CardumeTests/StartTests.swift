import CardumeTesting
import CardumeTrials
import Foundation
import TestSupport
import Testing

/// What the program says when it cannot start, and how it behaves on a full disk.
@Suite(.timeLimit(.minutes(2))) struct StartTests {
    private static func run(
        _ arguments: [String], _ yaml: String, environment: [String: String] = [:]
    ) async throws -> (status: Int32, output: String) {
        let folder = TemporaryFolder()
        try Data(yaml.replacing("FOLDER", with: folder.path).utf8).write(to: URL(filePath: folder.path + "/cardume.yaml"))
        let process = try CardumeProcess(arguments, environment: environment, folder: folder.path)
        let status = await process.end()
        return (status, process.output)
    }

    private static func lastLine(_ output: String) -> String {
        output.split(separator: "\n").last.map(String.init) ?? ""
    }

    @Test func configurationErrorsComeBeforeAnythingStarts() async throws {
        let (status, output) = try await Self.run(["run"], "http: { prt: 1 }\n")
        #expect(status == 1)
        #expect(output == "cardume: cardume.yaml:1:9: http.prt: unknown key; did you mean \"port\"?")
    }

    @Test func aMissingConfigurationFileIsNamed() async throws {
        let (status, output) = try await Self.run(["run", "-c", "nada.yaml"], "")
        #expect(status == 1)
        #expect(output == "cardume: nada.yaml: the configuration file cannot be read")
    }

    @Test func aPortInUseIsNamed() async throws {
        let deployment = try await Deployment()
        try await deployment.start()
        let port = try await deployment.process.port()
        let (status, output) = try await Self.run(["run"], "data_folder: FOLDER/data\nhttp: { port: \(port) }\n")
        #expect(status == 1)
        #expect(Self.lastLine(output) == "cardume: cannot listen on 127.0.0.1:\(port): the port is in use")
    }

    @Test func aFolderThatCannotBeWrittenIsNamed() async throws {
        let (status, output) = try await Self.run(["run"], "data_folder: /proc/cardume\n")
        #expect(status == 1)
        #expect(Self.lastLine(output).hasPrefix("cardume: cannot create the folder /proc/cardume: "))
    }

    @Test func aFolderInUseIsNamed() async throws {
        let deployment = try await Deployment()
        try await deployment.start()
        let (status, output) = try await Self.run(["run"], "data_folder: \(deployment.data)\nhttp: { port: 0 }\n")
        #expect(status == 1)
        #expect(Self.lastLine(output) == "cardume: another Cardume process is using \(deployment.data)")
    }

    @Test func aDamagedFileIsNamed() async throws {
        let folder = TemporaryFolder()
        try Data(repeating: 0x55, count: 4_096).write(to: URL(filePath: folder.path + "/cardume.sqlite"))
        let (status, output) = try await Self.run(["run"], "data_folder: \(folder.path)\nhttp: { port: 0 }\n")
        #expect(status == 1)
        #expect(Self.lastLine(output).hasPrefix("cardume: the data file is damaged or is no Cardume file"))
    }

    @Test func aSecondSignalEndsItAtOnce() async throws {
        var settings = SandboxSettings()
        settings.modelLatency = .seconds(3600)...(.seconds(3600))
        let deployment = try await Deployment(settings)
        try await deployment.start()
        try await deployment.deliver("5534", "A", "oi")
        let process = try deployment.process
        process.signal(SIGTERM)
        while !process.output.contains("stopping") { await Task.yield() }
        process.signal(SIGTERM)
        #expect(await process.end() == 130)
    }

    /// A disk that fills up: what cannot be stored is refused with 503, what was accepted is answered once there is room.
    @Test(.enabled(if: getuid() == 0, "mounting a small file system needs root"))
    func aFullDiskLosesNothing() async throws {
        let mount = TemporaryFolder()
        try Self.shell("/bin/mount", ["-t", "tmpfs", "-o", "size=6m", "tmpfs", mount.path])
        defer { try? Self.shell("/bin/umount", ["-l", mount.path]) }
        let deployment = try await Deployment()
        try await deployment.start(environment: ["CARDUME_DATA_FOLDER": mount.path + "/data"])
        try Data(count: 5 << 20).write(to: URL(filePath: mount.path + "/ballast"), options: [])
        let text = String(repeating: "a", count: 20_000)
        var accepted: [String] = []
        var refused = 0
        for index in 0..<200 where refused < 3 {
            let answer = try await deployment.request(
                "POST", "/webhook/evolution", headers: ["apikey": Deployment.key],
                body: Load.webhook("5534", "M\(index)", "\(index) \(text)"))
            if answer.status == 200 { accepted.append("Recebi: \(index) \(text)") } else { refused += 1 }
            #expect([200, 503].contains(answer.status))
        }
        #expect(refused == 3, "the disk never filled")
        try FileManager.default.removeItem(atPath: mount.path + "/ballast")
        while deployment.sandbox.sends.count < accepted.count { try await ContinuousClock().sleep(for: .milliseconds(50)) }
        #expect(deployment.sandbox.sends.map(\.text) == accepted)
        #expect(try await deployment.terminate() == 0)
        #expect(try deployment.process.output.contains("no space left for the data file"))
    }

    private static func shell(_ command: String, _ arguments: [String]) throws {
        let process = try Process.run(URL(filePath: command), arguments: arguments)
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "\(command) \(arguments)")
    }

    @Test func theDemoEndsWell() async throws {
        let (status, output) = try await Self.run(["demo", "--conversations", "10", "--messages", "3"], "")
        #expect(status == 0, "\(output)")
        #expect(output.contains("order kept           10 of 10 conversations"))
    }

    @Test func versionIsPrinted() async throws {
        let (status, output) = try await Self.run(["--version"], "")
        #expect(status == 0)
        #expect(output.wholeMatch(of: /\d+\.\d+\.\d+/) != nil)
    }

    @Test func printedConfigurationMasksSecrets() async throws {
        let (status, output) = try await Self.run(["config", "print"], "api: { token: s3gredo }\n")
        #expect(status == 0)
        #expect(output.contains("api.token: ********  # file"))
        #expect(!output.contains("s3gredo"))
    }
}
