import Foundation
import Synchronization

/// A server that runs. Killed with all it started when this object goes away, or when this process ends in whatever way.
package final class ServerProcess: Sendable {
    private enum State {
        case running(waiters: [CheckedContinuation<Void, Never>])
        case ended(status: Int32)
    }

    /// Outlives the server object, if it must, in the process's termination handler.
    private final class Ending: Sendable {
        let state = Mutex(State.running(waiters: []))

        func note(_ status: Int32) {
            let waiters = self.state.withLock { state in
                guard case .running(let waiters) = state else { return [] as [CheckedContinuation<Void, Never>] }
                state = .ended(status: status)
                return waiters
            }
            for waiter in waiters { waiter.resume() }
        }
    }

    package let id: Int32
    private let ending = Ending()

    /// - Parameters:
    ///   - folder: the working folder.
    ///   - log: the file that standard output and errors are added to.
    package init(_ command: [String], folder: String, log: String) throws {
        let reaper = try Reaper.shared()
        let ending = self.ending
        if !FileManager.default.fileExists(atPath: log) { try Data().write(to: URL(filePath: log)) }
        Unprivileged.own(log)
        let output = try FileHandle(forWritingTo: URL(filePath: log))
        defer { try? output.close() }
        try output.seekToEnd()
        let process = try Spawn.run {
            let process = Process()
            process.executableURL = URL(filePath: command[0])
            process.arguments = Array(command.dropFirst())
            process.currentDirectoryURL = URL(filePath: folder)
            process.standardInput = FileHandle.nullDevice
            process.standardOutput = output
            process.standardError = output
            process.terminationHandler = { process in
                reaper.ended(process.processIdentifier)
                ending.note(process.terminationStatus)
            }
            return (process, process)
        }
        self.id = process.processIdentifier
        reaper.watch(self.id)
        // It may have ended before it was watched.
        if !self.isRunning { reaper.ended(self.id) }
    }

    package var isRunning: Bool {
        self.ending.state.withLock { if case .running = $0 { true } else { false } }
    }

    /// What it ended with, or the signal that ended it; `nil` while it runs.
    package var status: Int32? {
        self.ending.state.withLock { if case .ended(let status) = $0 { status } else { nil } }
    }

    /// Tells the server itself.
    package func signal(_ signal: Int32) {
        if self.isRunning { kill(self.id, signal) }
    }

    /// Stops it with all that descend from it.
    package func pause() {
        if self.isRunning { _ = ProcessTree.freeze(self.id) }
    }

    package func resume() {
        guard self.isRunning else { return }
        for process in ProcessTree.list(self.id) { kill(process, SIGCONT) }
    }

    /// Returns when it and all that descend from it are gone.
    package func kill9() async throws {
        guard self.isRunning else { return }
        let processes = self.killAtOnce()
        await self.end()
        try await Waiting.until("processes \(processes) to end") { !processes.contains(where: ProcessTree.isAlive) }
    }

    /// Returns when it has ended.
    package func end() async {
        await withCheckedContinuation { continuation in
            let hasEnded = self.ending.state.withLock { state in
                guard case .running(let waiters) = state else { return true }
                state = .running(waiters: waiters + [continuation])
                return false
            }
            if hasEnded { continuation.resume() }
        }
    }

    @discardableResult
    private func killAtOnce() -> [Int32] {
        let processes = ProcessTree.freeze(self.id)
        for process in processes { kill(process, SIGKILL) }
        return processes
    }

    deinit {
        if self.isRunning { self.killAtOnce() }
    }
}
