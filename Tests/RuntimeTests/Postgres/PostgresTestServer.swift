import Foundation
import Synchronization

@testable import CardumeRuntime

#if canImport(Glibc)
import Glibc
#endif

/// A PostgreSQL server in a temporary folder, shared by the tests of one process, and a database for each.
final class PostgresTestServer: Sendable {
    static let shared = Result { try PostgresTestServer() }
    static let isInstalled = FileManager.default.isExecutableFile(atPath: "\(binaries)/postgres")
    private static let binaries = "/usr/lib/postgresql/15/bin"
    private static let stops = Mutex<[@Sendable () -> Void]>([])

    let port: Int
    let folder: String
    private let process: Process
    private let databases = Atomic(0)

    var processID: pid_t { self.process.processIdentifier }

    init(_ options: [String] = ["fsync=off", "full_page_writes=off"]) throws {
        let folder = NSTemporaryDirectory() + "cardume-pg-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        guard let owner = getpwnam("postgres") else { throw CocoaError(.fileNoSuchFile) }
        if geteuid() == 0 { chown(folder, owner.pointee.pw_uid, owner.pointee.pw_gid) }
        let initdb = try Self.start(
            [
                "\(Self.binaries)/initdb", "-D", "\(folder)/data", "-U", "cardume", "-E", "UTF8", "--locale=C.UTF-8", "-A",
                "trust",
            ])
        initdb.waitUntilExit()
        let port = Self.freePort()
        self.port = port
        self.folder = folder
        self.process = try Self.start(
            ["\(Self.binaries)/postgres", "-D", "\(folder)/data", "-p", "\(port)", "-k", folder, "-c", "max_connections=60"]
                + options.flatMap { ["-c", $0] })
        let id = self.process.processIdentifier
        Self.atEnd {
            kill(id, SIGCONT)
            kill(id, SIGQUIT)
            // It writes to the folder until it is gone.
            for _ in 0..<200 where kill(id, 0) == 0 { usleep(10_000) }
            try? FileManager.default.removeItem(atPath: folder)
        }
    }

    static func atEnd(_ stop: @escaping @Sendable () -> Void) {
        self.stops.withLock { stops in
            if stops.isEmpty { atexit { PostgresTestServer.stops.withLock { for stop in $0 { stop() } } } }
            stops.append(stop)
        }
    }

    static func freePort() -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, length)
                getsockname(descriptor, pointer, &length)
            }
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    /// As the owner of the server's files, where this process is root.
    static func start(_ command: [String]) throws -> Process {
        let process = Process()
        let asOwner = geteuid() == 0 ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : []
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = asOwner + command
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        return process
    }

    func url(_ database: String = "postgres", port: Int? = nil) -> String {
        "postgres://cardume@127.0.0.1:\(port ?? self.port)/\(database)"
    }

    /// Waits until the server answers.
    func pool(
        _ database: String = "postgres", port: Int? = nil, _ adjust: (inout PostgresSettings) -> Void = { _ in }
    ) async throws -> PostgresPool {
        var settings = try PostgresSettings(url: self.url(database, port: port))
        adjust(&settings)
        for _ in 0..<200 {
            guard (try? await PostgresConnection.connect(settings, withServerTimeout: false)) == nil else { break }
            try await Task.sleep(for: .milliseconds(50))
        }
        return PostgresPool(settings)
    }

    /// The name of a new, empty database.
    func newDatabase() async throws -> String {
        let name = "test\(self.databases.add(1, ordering: .relaxed).newValue)"
        let pool = try await self.pool()
        _ = try await pool.query(PostgresStatement("CREATE DATABASE \(name)"))
        pool.close()
        return name
    }
}

/// Waits until `condition` holds; `false` after ten seconds.
func eventually(_ condition: () async throws -> Bool) async rethrows -> Bool {
    for _ in 0..<400 {
        if try await condition() { return true }
        try? await Task.sleep(for: .milliseconds(25))
    }
    return false
}
