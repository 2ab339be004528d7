import Foundation
import Synchronization

/// What all test servers have: a temporary folder, a port, a process that comes and goes.
final class ServerHost: Sendable {
    let name: String
    let folder: String
    let port: Int
    private let process = Mutex<ServerProcess?>(nil)

    private let reaper: Reaper

    /// - Parameter name: part of the folder's name.
    init(name: String) throws {
        self.reaper = try Reaper.shared()
        self.name = name
        self.port = FreePort.take()
        self.folder = "\(FileManager.default.temporaryDirectory.path)/cardume-\(name)-\(getpid())-\(self.port)"
        try? FileManager.default.removeItem(atPath: self.folder)
        try FileManager.default.createDirectory(atPath: self.folder, withIntermediateDirectories: true)
        Unprivileged.own(self.folder)
        self.reaper.watch(folder: self.folder)
    }

    var logFile: String { "\(self.folder)/server.log" }
    var log: String { (try? String(contentsOfFile: self.logFile, encoding: .utf8)) ?? "" }
    var isRunning: Bool { self.process.withLock { $0?.isRunning ?? false } }
    var processID: Int32? { self.current.flatMap { $0.isRunning ? $0.id : nil } }
    private var current: ServerProcess? { self.process.withLock { $0 } }

    /// Starts the server and returns once `isReady`.
    ///
    /// - Throws: `ServerError` with the log's end when the server ends instead.
    func launch(_ command: [String], isReady: () async -> Bool) async throws {
        precondition(!self.isRunning, "\(self.name) runs already")
        let started = try ServerProcess(command, folder: self.folder, log: self.logFile)
        self.process.withLock { $0 = started }
        try await Waiting.until("\(self.name) to answer; its log ends with:\n\(self.log.suffix(2000))") {
            guard started.isRunning else {
                throw ServerError("\(self.name) ended while it started; its log ends with:\n\(self.log.suffix(2000))")
            }
            return await isReady()
        }
    }

    /// Sends `signal` and returns when the server has ended. Does nothing when it does not run.
    func stop(_ signal: Int32) async {
        guard let current = self.current else { return }
        current.resume()
        current.signal(signal)
        await current.end()
    }

    func kill9() async throws { try await self.current?.kill9() }
    func pause() { self.current?.pause() }
    func resume() { self.current?.resume() }

    func write(_ text: String, to file: String) throws {
        let path = "\(self.folder)/\(file)"
        try Data(text.utf8).write(to: URL(filePath: path))
        // Passwords and keys stand in some of them.
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
        Unprivileged.own(path)
    }

    deinit {
        // Killed before its folder is removed.
        self.process.withLock { $0 = nil }
        if (try? FileManager.default.removeItem(atPath: self.folder)) != nil { self.reaper.removed(folder: self.folder) }
    }
}
