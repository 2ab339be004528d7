import CardumeTesting
package import Foundation
import Synchronization

/// The real program, as a user would start it.
package final class CardumeProcess: Sendable {
    private struct State {
        var lines: [String] = []
        var port: Int?
        var waiters: [CheckedContinuation<Int?, Never>] = []
        var status: Int32?
        var isOutputComplete = false
        /// Once both are known.
        var exit: Int32?
        var exitWaiters: [CheckedContinuation<Void, Never>] = []
    }

    /// Outlives the object, if it must, in the process's handlers.
    private final class Record: Sendable {
        let state = Mutex(State())

        func take(_ line: String) {
            let (waiters, port) = self.state.withLock { state -> ([CheckedContinuation<Int?, Never>], Int?) in
                state.lines.append(line)
                guard line.contains("\"message\":\"listening\""),
                    let port = line.split(separator: ":").last?.prefix(while: \.isNumber)
                else { return ([], nil) }
                state.port = Int(port)
                defer { state.waiters = [] }
                return (state.waiters, state.port)
            }
            for waiter in waiters { waiter.resume(returning: port) }
        }

        /// Blocks until the output ends.
        func read(_ output: FileHandle) {
            var rest = Data()
            while case let data = output.availableData, !data.isEmpty {
                rest += data
                while let end = rest.firstIndex(of: 0x0A) {
                    self.take(String(decoding: rest[rest.startIndex..<end], as: UTF8.self))
                    rest.removeSubrange(rest.startIndex...end)
                }
            }
            self.update { $0.isOutputComplete = true }
        }

        func update(_ change: (inout State) -> Void) {
            let waiters = self.state.withLock { state in
                change(&state)
                guard state.isOutputComplete, let status = state.status else { return State() }
                state.exit = status
                defer { (state.waiters, state.exitWaiters) = ([], []) }
                return state
            }
            for waiter in waiters.waiters { waiter.resume(returning: nil) }
            for waiter in waiters.exitWaiters { waiter.resume() }
        }
    }

    private let record = Record()
    private let process: Mutex<Process>
    package let id: Int32

    /// The program that was built together with this one.
    package static var binary: URL {
        let bundle = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        return bundle.deletingLastPathComponent().appending(path: "cardume")
    }

    /// Killed when this object goes away, or this process ends.
    ///
    /// - Parameter environment: besides PATH, all the program sees.
    package init(_ arguments: [String], environment: [String: String] = [:], folder: String) throws {
        let reaper = try Reaper.shared()
        let record = self.record
        let (process, output) = try Spawn.run {
            let process = Process()
            process.executableURL = Self.binary
            process.arguments = arguments
            process.environment = ["PATH": "/usr/bin:/bin"].merging(environment) { _, new in new }
            process.currentDirectoryURL = URL(filePath: folder)
            process.standardInput = FileHandle.nullDevice
            let pipe = Pipe()
            process.standardOutput = pipe
            process.standardError = pipe
            process.terminationHandler = { process in
                reaper.ended(process.processIdentifier)
                let sign: Int32 = process.terminationReason == .uncaughtSignal ? -1 : 1
                let status = sign * process.terminationStatus
                record.update { $0.status = status }
            }
            return (process, (process, pipe.fileHandleForReading))
        }
        // Not `readabilityHandler`: a handle that goes away right after its end brings libdispatch's event loop down.
        Thread.detachNewThread { record.read(output) }
        self.id = process.processIdentifier
        self.process = Mutex(process)
        reaper.watch(self.id)
        if self.hasEnded { reaper.ended(self.id) }
    }

    package var hasEnded: Bool { self.record.state.withLock { $0.exit != nil } }

    package var output: String { self.record.state.withLock { $0.lines.joined(separator: "\n") } }

    /// Lines of the log that contain `text`.
    package func lines(_ text: String) -> [String] { self.record.state.withLock { $0.lines.filter { $0.contains(text) } } }

    /// The port it listens on.
    ///
    /// - Throws: a ``TrialFailure`` with its output when it ends instead.
    package func port() async throws -> Int {
        let port: Int? = await withCheckedContinuation { continuation in
            let known = self.record.state.withLock { state -> Int?? in
                if let port = state.port { return port }
                if state.exit != nil { return .some(nil) }
                state.waiters.append(continuation)
                return nil
            }
            if let known { continuation.resume(returning: known) }
        }
        guard let port else { throw TrialFailure("did not start: \(self.output)") }
        return port
    }

    package func signal(_ signal: Int32) {
        if !self.hasEnded { kill(self.id, signal) }
    }

    /// Waits for the end. The status of a signal is its negative.
    @discardableResult
    package func end() async -> Int32 {
        await withCheckedContinuation { continuation in
            let hasEnded = self.record.state.withLock { state in
                if state.exit != nil { return true }
                state.exitWaiters.append(continuation)
                return false
            }
            if hasEnded { continuation.resume() }
        }
        return self.record.state.withLock { $0.exit ?? 0 }
    }

    deinit {
        self.process.withLock { if $0.isRunning { kill($0.processIdentifier, SIGKILL) } }
    }
}
