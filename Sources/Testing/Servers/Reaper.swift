import Foundation

/// Ends what this process leaves behind, also when it is killed itself: a shell whose standard input is the other end of a
/// pipe that only this process holds.
package final class Reaper: Sendable {
    private static let started = Result { try Reaper() }

    /// The one of this process.
    ///
    /// - Throws: a ``ServerError`` when `/bin/sh` cannot be run: then nothing may be started that would be left behind.
    package static func shared() throws -> Reaper { try self.started.get() }

    /// `/proc` knows a process's children only while it lives: so each is stopped first, and the tree killed as a whole.
    private static let script = """
        trap '' INT TERM HUP
        IFS='
        '
        set -f
        processes= folders=
        without() { for item in $1; do [ "$item" = "$2" ] || echo "$item"; done; }
        tree() {
            kill -STOP "$1" 2>/dev/null || return
            echo "$1"
            set +f
            for child in $(cat "/proc/$1/task/"*/children 2>/dev/null | tr ' ' '\\n'); do tree "$child"; done
        }
        while IFS=' ' read -r verb what; do
            case $verb in
                process) processes="$processes
        $what" ;;
                ended) processes=$(without "$processes" "$what") ;;
                folder) folders="$folders
        $what" ;;
                removed) folders=$(without "$folders" "$what") ;;
            esac
        done
        for process in $processes; do kill -KILL $(tree "$process") 2>/dev/null; done
        for folder in $folders; do rm -rf "$folder"; done
        """

    private let input: Pipe

    private init() throws {
        let input = Pipe()
        let descriptor = input.fileHandleForWriting.fileDescriptor
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        self.input = input
        do {
            try Spawn.run {
                let process = Process()
                process.executableURL = URL(filePath: "/bin/sh")
                process.arguments = ["-c", Self.script]
                process.currentDirectoryURL = URL(filePath: "/")
                process.standardInput = input
                process.standardOutput = FileHandle.nullDevice
                process.standardError = FileHandle.nullDevice
                return (process, ())
            }
        } catch {
            throw ServerError("/bin/sh, which cleans up after tests, cannot be run: \(error)")
        }
    }

    /// To be killed, with all that descend from it.
    package func watch(_ process: Int32) { self.tell("process \(process)") }

    /// It has ended; its number may be given to another.
    package func ended(_ process: Int32) { self.tell("ended \(process)") }

    /// To be removed, once the processes have been killed.
    package func watch(folder: String) { self.tell("folder \(folder)") }

    package func removed(folder: String) { self.tell("removed \(folder)") }

    private func tell(_ line: String) {
        // Shorter than a pipe's atomic write: lines of several threads do not mix.
        self.input.fileHandleForWriting.write(Data((line + "\n").utf8))
    }
}
