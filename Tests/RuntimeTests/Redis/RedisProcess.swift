import Foundation
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import CardumeRuntime

/// A real server in a folder of its own, killed with this process.
final class RedisProcess: Sendable {
    let port: Int
    let folder: String
    private let options: [String]
    private let number = Mutex<pid_t>(0)

    /// - Parameters:
    ///   - options: as on the command line; `%d` is the folder.
    ///   - tls: listens with TLS only.
    init(_ options: [String] = [], port: Int? = nil, tls: Bool = false, folder: String? = nil) async throws {
        let port = try port ?? Self.freePort()
        self.port = port
        let folder = folder ?? FileManager.default.temporaryDirectory.appending(path: "cardume-redis-\(UUID())").path
        self.folder = folder
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let doors = tls ? ["--port", "0", "--tls-port", "\(port)"] : ["--port", "\(port)"]
        self.options =
            doors + ["--bind", "127.0.0.1", "--dir", folder, "--save", "", "--enable-debug-command", "yes"]
            + options.map { $0.replacing("%d", with: folder) }
        try await self.start()
    }

    /// Starts it, again if it was killed, and waits until it takes connections.
    func start() async throws {
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        // Looks after the server: when this process is gone, however it ended, so is the server.
        let watch = """
            redis-server "$@" & server=$!
            echo "pid $server"
            while kill -0 "$PPID" && kill -0 "$server"; do sleep 0.5; done 2>&-
            kill -9 "$server" 2>&-
            """
        process.arguments = ["-c", watch, "sh"] + self.options
        let output = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        let lines = AsyncStream<String>.makeStream()
        let buffer = Mutex("")
        output.fileHandleForReading.readabilityHandler = { handle in
            let data = handle.availableData
            if data.isEmpty {
                handle.readabilityHandler = nil
                lines.continuation.finish()
            }
            buffer.withLock { buffer in
                buffer += String(decoding: data, as: UTF8.self)
                while let end = buffer.firstIndex(of: "\n") {
                    lines.continuation.yield(String(buffer[..<end]))
                    buffer = String(buffer[buffer.index(after: end)...])
                }
            }
        }
        try process.run()
        var said = ""
        for await line in lines.stream {
            if line.hasPrefix("pid "), let number = pid_t(line.dropFirst(4)) { self.number.withLock { $0 = number } }
            if line.contains("Ready to accept connections") { return }
            said += line + "\n"
        }
        Issue.record("redis-server did not start: \(said)")
        throw CancellationError()
    }

    func signal(_ signal: Int32) {
        self.number.withLock { _ = kill($0, signal) }
    }

    func stop() {
        self.number.withLock { number in
            if number > 0 { kill(number, SIGKILL) }
            number = 0
        }
    }

    deinit {
        self.stop()
        try? FileManager.default.removeItem(atPath: self.folder)
    }

    var node: RedisNode { RedisNode(host: "127.0.0.1", port: self.port) }

    /// Below the range that the system gives out, and so that a cluster's bus (port + 10000) is free, too.
    static func freePort() throws -> Int {
        for _ in 0..<200 {
            let port = Int.random(in: 15_000..<22_000)
            if self.isFree(port), self.isFree(port + 10_000) { return port }
        }
        throw POSIXError(.EADDRINUSE)
    }

    private static func isFree(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }
}

/// Runs a program to its end and returns what it said.
@discardableResult
func runProgram(_ path: String, _ arguments: [String], in folder: String) async throws -> String {
    let file = FileManager.default.temporaryDirectory.appending(path: "cardume-output-\(UUID())")
    #expect(FileManager.default.createFile(atPath: file.path, contents: nil))
    defer { try? FileManager.default.removeItem(at: file) }
    let output = try FileHandle(forWritingTo: file)
    let process = Process()
    process.executableURL = URL(filePath: path)
    process.arguments = arguments
    process.currentDirectoryURL = URL(filePath: folder)
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = output
    let ends = AsyncStream<Int32>.makeStream()
    process.terminationHandler = { ends.continuation.yield($0.terminationStatus) }
    try process.run()
    var iterator = ends.stream.makeAsyncIterator()
    let status = await iterator.next()
    let said = String(decoding: try Data(contentsOf: file), as: UTF8.self)
    try #require(status == 0, "\(path) \(arguments.joined(separator: " ")): \(said)")
    return said
}

/// What links report, as it comes.
final class LinkEvents: Sendable {
    private let stream = AsyncStream<RedisLink.Event>.makeStream()

    func report(_ event: RedisLink.Event) { self.stream.continuation.yield(event) }

    /// The next event that `body` finds something in.
    func first<Result>(_ body: (RedisLink.Event) -> Result?) async -> Result? {
        for await event in self.stream.stream {
            if let result = body(event) { return result }
        }
        return nil
    }

    func connected() async { _ = await self.first { if case .connected = $0 { true } else { nil } } }

    func lost() async -> RedisError? { await self.first { if case .lost(_, let error) = $0 { error } else { nil } } }
}

extension RedisSettings {
    static func local(_ port: Int, _ change: (inout RedisSettings) -> Void = { _ in }) -> RedisSettings {
        var settings = RedisSettings(node: RedisNode(host: "127.0.0.1", port: port))
        change(&settings)
        return settings
    }
}

/// Runs `body` with a client that runs, and ends it.
func withRedisClient<Result>(
    _ settings: RedisSettings, events: LinkEvents = LinkEvents(), isConnected: Bool = true,
    _ body: (RedisClient) async throws -> Result
) async throws -> Result {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let client = RedisClient(connector: try RedisConnector(settings), on: loop) { events.report($0) }
    let run = Task { await client.run() }
    let result: Swift.Result<Result, any Error>
    do {
        if isConnected { try await client.connected() }
        result = .success(try await body(client))
    } catch {
        result = .failure(error)
    }
    run.cancel()
    await run.value
    return try result.get()
}
