import CardumeTrials
import Foundation
import Synchronization
import Testing

@testable import CardumeTesting

/// The real program on a terminal whose screen and keyboard are the test's.
final class PseudoTerminal: Sendable {
    private let master: Int32
    private let slave: Int32
    private let process: Mutex<Process>
    private let received = Mutex<[UInt8]>([])
    let id: Int32

    init(
        _ arguments: [String], environment: [String: String], folder: String, columns: Int = 80, rows: Int = 24
    ) throws {
        var (master, slave): (Int32, Int32) = (-1, -1)
        var size = winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
        guard openpty(&master, &slave, nil, nil, &size) == 0 else { throw ServerError("no terminal: \(errno)") }
        _ = fcntl(master, F_SETFD, FD_CLOEXEC)
        _ = fcntl(slave, F_SETFD, FD_CLOEXEC)
        (self.master, self.slave) = (master, slave)
        let reaper = try Reaper.shared()
        let process = try Spawn.run {
            let process = Process()
            process.executableURL = CardumeProcess.binary
            process.arguments = arguments
            process.environment = ["PATH": "/usr/bin:/bin", "TERM": "xterm"].merging(environment) { $1 }
            process.currentDirectoryURL = URL(filePath: folder)
            let terminal = FileHandle(fileDescriptor: slave, closeOnDealloc: false)
            (process.standardInput, process.standardOutput, process.standardError) = (terminal, terminal, terminal)
            process.terminationHandler = { reaper.ended($0.processIdentifier) }
            return (process, process)
        }
        self.id = process.processIdentifier
        self.process = Mutex(process)
        reaper.watch(self.id)
    }

    /// Reads what has come, and returns all that has ever come.
    var output: String {
        self.received.withLock { received in
            var buffer = [UInt8](repeating: 0, count: 65_536)
            var poll = pollfd(fd: self.master, events: Int16(POLLIN), revents: 0)
            while Foundation.poll(&poll, 1, 0) > 0, poll.revents & Int16(POLLIN) != 0 {
                let count = read(self.master, &buffer, buffer.count)
                guard count > 0 else { break }
                received += buffer[..<count]
            }
            return String(decoding: received, as: UTF8.self)
        }
    }

    /// The latest whole picture, line by line, without colours.
    var frame: [String] {
        let frames = self.output.components(separatedBy: "\u{1B}[H")
        guard let last = frames.last(where: { $0.hasSuffix("\u{1B}[J") }) else { return [] }
        return last.replacing(#/\u{1B}\[[0-9;]*[A-Za-z]/#, with: "").replacingOccurrences(of: "\r", with: "")
            .components(separatedBy: "\n")
    }

    func shows(_ text: String) async throws {
        try await Waiting.until("\"\(text)\" on \(self.frame)") { self.frame.contains { $0.contains(text) } }
    }

    func type(_ text: String) {
        let bytes = Array(text.utf8)
        #expect(write(self.master, bytes, bytes.count) == bytes.count)
    }

    func resize(columns: Int, rows: Int) {
        var size = winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
        #expect(ioctl(self.master, UInt(TIOCSWINSZ), &size) == 0)
        self.signal(SIGWINCH)
    }

    func signal(_ signal: Int32) { kill(self.id, signal) }

    /// Whether lines are edited and shown as they are typed.
    var isAsUsual: Bool {
        var attributes = termios()
        #expect(tcgetattr(self.slave, &attributes) == 0)
        let usual = tcflag_t(ICANON | ECHO | ISIG)
        return attributes.c_lflag & usual == usual
    }

    /// - Returns: the exit status.
    func end() async throws -> Int32 {
        try await Waiting.until("the end, at \(self.frame)") {
            _ = self.output
            return self.process.withLock { !$0.isRunning }
        }
        return self.process.withLock { $0.terminationReason == .exit ? $0.terminationStatus : -$0.terminationStatus }
    }

    deinit {
        self.process.withLock { if $0.isRunning { kill($0.processIdentifier, SIGKILL) } }
        close(self.slave)
        close(self.master)
    }
}
