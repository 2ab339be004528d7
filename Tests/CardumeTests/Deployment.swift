import CardumeTesting
import CardumeTrials
import Crypto
import Foundation
import GRDB
import Synchronization
import TestSupport
import Testing

/// A data folder, a sandbox, and the program in front of them; the program may come and go.
final class Deployment: Doorway {
    static let key = Load.key
    static let token = Load.token
    static let metaSecret = WireSamples.all.meta_app_secret

    let folder = TemporaryFolder()
    let configuration: String
    private let servers: RunningSandbox
    private let current = Mutex<(process: CardumeProcess, port: Int)?>(nil)

    static let openDoor = Load.openDoor

    /// - Parameters:
    ///   - sendTimeout: after which a reply that the gateway has not confirmed is in doubt.
    ///   - door: lines of the configuration about load, rates and the spool.
    ///   - extra: added to the configuration.
    init(
        _ settings: SandboxSettings = SandboxSettings(), assistant: String = "", others: [String: String] = [:],
        sendTimeout: String = "2s", door: String = Deployment.openDoor, extra: String = ""
    ) async throws {
        self.servers = try await RunningSandbox(settings)
        let sandboxPort = self.servers.port
        self.configuration = """
            data_folder: \(self.folder.path)/data
            shutdown_deadline: 10s
            http: { port: 0 }
            \(door)
            api: { token: \(Self.token) }
            evolution_webhook: { key: \(Self.key) }
            meta_webhook: { app_secret: \(Self.metaSecret), verify_token: TOKEN }
            model: { base_url: "http://127.0.0.1:\(sandboxPort)/v1", keyless: true }
            assistants:
              suporte: { backoff: 20ms, slots: 200, \(assistant) }
            \(others.map { "  \($0.key): { \($0.value) }" }.joined(separator: "\n"))
            channels:
              "*":
                kind: evolution
                base_url: http://127.0.0.1:\(sandboxPort)
                key: qualquer
                timeout: \(sendTimeout)
                record_delay: 100ms
            \(extra.replacing("SANDBOX", with: "\"http://127.0.0.1:\(sandboxPort)\""))
            """
        try Data(self.configuration.utf8).write(to: URL(filePath: self.folder.path + "/cardume.yaml"))
    }

    var sandbox: SandboxState { self.servers.state }
    var port: Int { get throws { try #require(self.current.withLock { $0?.port }) } }

    var data: String { self.folder.path + "/data" }

    func start(environment: [String: String] = [:]) async throws {
        let process = try CardumeProcess(["run"], environment: environment, folder: self.folder.path)
        let port = try await process.port()
        self.current.withLock { $0 = (process, port) }
    }

    var process: CardumeProcess {
        get throws { try #require(self.current.withLock { $0?.process }) }
    }

    /// Kills the program as a power failure would.
    func crash() async throws {
        let process = try self.process
        process.signal(SIGKILL)
        await process.end()
    }

    /// - Returns: the exit status.
    func terminate() async throws -> Int32 {
        let process = try self.process
        process.signal(SIGTERM)
        return await process.end()
    }

    static func signature(_ body: [UInt8]) -> String {
        let code = HMAC<SHA256>.authenticationCode(for: body, using: SymmetricKey(data: Data(Self.metaSecret.utf8)))
        return "sha256=" + code.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// Waits until the sandbox has sent `count` replies and the log is empty.
    func settle(replies count: Int, within limit: Duration = .seconds(120)) async throws {
        let begin = ContinuousClock.now
        while try self.sandbox.sends.count < count || self.rows("SELECT count(*) FROM queue") != ["0"] {
            try #require(
                begin.duration(to: .now) < limit,
                "only \(self.sandbox.sends.count) of \(count) replies; \((try? self.process.output.suffix(2_000)) ?? "")")
            try await ContinuousClock().sleep(for: .milliseconds(50))
        }
    }

    /// Reads the store from outside, first column as text.
    func rows(_ sql: String) throws -> [String] {
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(5)
        let queue = try DatabaseQueue(path: self.data + "/cardume.sqlite", configuration: configuration)
        defer { try? queue.close() }
        return try queue.read { db in
            try DatabaseValue.fetchAll(db, sql: sql).map { value in
                switch value.storage {
                case .string(let text): text
                case .null: "NULL"
                default: value.description
                }
            }
        }
    }
}
