import CardumeTesting
import Foundation
import Synchronization

/// A program that is spoken to in lines. Killed when this object goes away, or when this process ends in whatever way.
final class ChildProcess: Sendable {
    let id: Int32
    /// Of its standard output. Ends with the program.
    let lines: AsyncStream<String>
    private let input: Pipe
    private let hasEnded = Mutex(false)
    private let reaper: Reaper

    /// Standard errors are this process's.
    init(_ command: [String]) throws {
        self.reaper = try Reaper.shared()
        let (lines, continuation) = AsyncStream<String>.makeStream()
        let (process, input, output) = try Spawn.run {
            let process = Process()
            let (input, output) = (Pipe(), Pipe())
            // A later child that inherited it would keep this one from seeing its input's end.
            _ = fcntl(input.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
            process.executableURL = URL(filePath: command[0])
            process.arguments = Array(command.dropFirst())
            process.standardInput = input
            process.standardOutput = output
            return (process, (process, input, output))
        }
        self.id = process.processIdentifier
        self.lines = lines
        self.input = input
        self.reaper.watch(self.id)
        let reading = Thread {
            var rest = Data()
            while case let data = output.fileHandleForReading.availableData, !data.isEmpty {
                rest.append(data)
                while let end = rest.firstIndex(of: 0x0A) {
                    continuation.yield(String(decoding: rest[rest.startIndex..<end], as: UTF8.self))
                    rest.removeSubrange(rest.startIndex...end)
                }
            }
            continuation.finish()
        }
        reading.start()
    }

    func write(_ line: String) {
        self.input.fileHandleForWriting.write(Data((line + "\n").utf8))
    }

    /// The next line, or `nil` when the program has ended. One caller at a time.
    func nextLine() async -> String? {
        for await line in self.lines { return line }
        return nil
    }

    /// Ends its input, which asks it to end, and waits for the end of its output.
    func end() async {
        try? self.input.fileHandleForWriting.close()
        while await self.nextLine() != nil {}
        self.markEnded()
    }

    private func markEnded() {
        self.hasEnded.withLock { $0 = true }
        self.reaper.ended(self.id)
    }

    deinit {
        guard !self.hasEnded.withLock({ $0 }) else { return }
        kill(self.id, SIGKILL)
        self.reaper.ended(self.id)
    }
}
