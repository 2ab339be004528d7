import Foundation
import Synchronization
import Testing

/// The real program, as a user would start it.
final class CardumeProcess: Sendable {
    private struct State {
        var lines: [String] = []
        var port: Int?
        var waiters: [CheckedContinuation<Int?, Never>] = []
        var exit: (status: Int32, isSignal: Bool)?
        var exitWaiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())
    private let process: Mutex<Process>

    /// The program that was built with the tests.
    static var binary: URL {
        let bundle = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        return bundle.deletingLastPathComponent().appending(path: "cardume")
    }

    /// - Parameter environment: besides PATH, all the program sees.
    init(_ arguments: [String], environment: [String: String] = [:], folder: String) throws {
        let process = Process()
        process.executableURL = Self.binary
        process.arguments = arguments
        process.environment = ["PATH": "/usr/bin:/bin"].merging(environment) { _, new in new }
        process.currentDirectoryURL = URL(filePath: folder)
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        self.process = Mutex(process)
        let buffer = Mutex(Data())
        pipe.fileHandleForReading.readabilityHandler = { handle in
            let data = handle.availableData
            if data.isEmpty { handle.readabilityHandler = nil }
            let lines = buffer.withLock { buffer -> [String] in
                buffer.append(data)
                var lines: [String] = []
                while let end = buffer.firstIndex(of: 0x0A) {
                    lines.append(String(decoding: buffer[buffer.startIndex..<end], as: UTF8.self))
                    buffer.removeSubrange(buffer.startIndex...end)
                }
                return lines
            }
            for line in lines { self.take(line) }
        }
        process.terminationHandler = { process in
            let waiters = self.state.withLock { state in
                state.exit = (process.terminationStatus, process.terminationReason == .uncaughtSignal)
                defer { (state.waiters, state.exitWaiters) = ([], []) }
                return (state.waiters, state.exitWaiters)
            }
            for waiter in waiters.0 { waiter.resume(returning: nil) }
            for waiter in waiters.1 { waiter.resume() }
        }
        try self.process.withLock { try $0.run() }
    }

    private func take(_ line: String) {
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

    var output: String { self.state.withLock { $0.lines.joined(separator: "\n") } }

    /// The port it listens on; fails the test when it ends instead.
    func port() async throws -> Int {
        let port: Int? = await withCheckedContinuation { continuation in
            let known = self.state.withLock { state -> Int?? in
                if let port = state.port { return port }
                if state.exit != nil { return .some(nil) }
                state.waiters.append(continuation)
                return nil
            }
            if let known { continuation.resume(returning: known) }
        }
        return try #require(port, "did not start: \(self.output)")
    }

    func signal(_ signal: Int32) {
        kill(self.process.withLock { $0.processIdentifier }, signal)
    }

    /// Waits for the end. The status of a signal is its negative.
    @discardableResult
    func end() async -> Int32 {
        await withCheckedContinuation { continuation in
            let hasEnded = self.state.withLock { state in
                if state.exit != nil { return true }
                state.exitWaiters.append(continuation)
                return false
            }
            if hasEnded { continuation.resume() }
        }
        return self.state.withLock { state in
            state.exit.map { $0.isSignal ? -$0.status : $0.status } ?? 0
        }
    }

    deinit {
        self.process.withLock { if $0.isRunning { kill($0.processIdentifier, SIGKILL) } }
    }
}
