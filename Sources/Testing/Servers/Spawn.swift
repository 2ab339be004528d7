package import Foundation
import Synchronization

/// Where child processes are made.
package enum Spawn {
    private static let lock = Mutex(())

    /// Runs what `make` returns.
    ///
    /// One at a time, pipes included: a child that is forked while another one's pipe is open would inherit it, and the pipe's
    /// reader would wait for both.
    package static func run<Made>(_ make: () throws -> (Process, Made)) throws -> Made {
        try self.lock.withLock { _ in
            let (process, made) = try make()
            // The threads of the cooperative pool block most signals, and a child inherits that: it would not hear SIGTERM.
            var (none, usual) = (sigset_t(), sigset_t())
            sigemptyset(&none)
            pthread_sigmask(SIG_SETMASK, &none, &usual)
            defer { pthread_sigmask(SIG_SETMASK, &usual, nil) }
            try process.run()
            return made
        }
    }
}

/// A program that runs to its end.
enum Command {
    /// Returns its standard output, without the last line's end.
    ///
    /// - Parameters:
    ///   - environment: in addition to this process's.
    /// - Throws: `ServerError` with the program's words when its status is not 0.
    @concurrent static func run(
        _ command: [String], environment: [String: String] = [:], folder: String = "/"
    ) async throws -> String {
        // A thread of its own kind: the reads below block until the program ends.
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(with: Result { try Self.runBlocking(command, environment, folder) })
            }
        }
    }

    private static func runBlocking(
        _ command: [String], _ environment: [String: String], _ folder: String
    ) throws -> String {
        let (process, output, errors) = try Spawn.run {
            let process = Process()
            let (output, errors) = (Pipe(), Pipe())
            process.executableURL = URL(filePath: command[0])
            process.arguments = Array(command.dropFirst())
            process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, new in new }
            process.currentDirectoryURL = URL(filePath: folder)
            process.standardInput = FileHandle.nullDevice
            process.standardOutput = output
            process.standardError = errors
            return (process, (process, output, errors))
        }
        let complaint = Mutex(Data())
        let group = DispatchGroup()
        DispatchQueue.global().async(group: group) {
            let data = errors.fileHandleForReading.readDataToEndOfFile()
            complaint.withLock { $0 = data }
        }
        let data = output.fileHandleForReading.readDataToEndOfFile()
        group.wait()
        process.waitUntilExit()
        var text = String(decoding: data, as: UTF8.self)
        if text.hasSuffix("\n") { text.removeLast() }
        guard process.terminationStatus == 0 else {
            let words = [text, complaint.withLock { String(decoding: $0, as: UTF8.self) }].filter { !$0.isEmpty }
            let name = URL(filePath: command[0]).lastPathComponent
            throw ServerError("\(name) ended with \(process.terminationStatus): \(words.joined(separator: "\n"))")
        }
        return text
    }
}

/// Runs programs that refuse to run as root.
enum Unprivileged {
    /// The user that takes root's place, or `nil` when this process is not root's.
    static let user: (uid: uid_t, gid: gid_t)? = {
        guard geteuid() == 0 else { return nil }
        for name in ["postgres", "nobody"] {
            if let entry = getpwnam(name) { return (entry.pointee.pw_uid, entry.pointee.pw_gid) }
        }
        return (65534, 65534)
    }()

    /// The same command, run by that user. It keeps its process id.
    static func command(_ command: [String]) throws -> [String] {
        guard let user = self.user else { return command }
        let setpriv = try Binary.find("setpriv", package: "util-linux")
        return [setpriv, "--reuid=\(user.uid)", "--regid=\(user.gid)", "--clear-groups"] + command
    }

    /// Gives that user a file or folder.
    static func own(_ path: String) {
        if let user = self.user { chown(path, user.uid, user.gid) }
    }
}
