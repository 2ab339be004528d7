import Foundation

/// A process and all that descend from it. Where `/proc` is missing, the process alone.
package enum ProcessTree {
    /// Stops each before it looks for its children, so that none is missed. All have come to a halt when it returns. Parents
    /// come first.
    static func freeze(_ process: Int32) -> [Int32] {
        kill(process, SIGSTOP)
        // A thread that is on another core stops a little later.
        while let state = self.state(of: process), state != "T", state != "Z", state != "X" { usleep(100) }
        return [process] + self.children(of: process).flatMap(self.freeze)
    }

    /// Parents first.
    package static func list(_ process: Int32) -> [Int32] {
        [process] + self.children(of: process).flatMap(self.list)
    }

    /// `false` for one that has ended, also when nobody has collected its status yet.
    static func isAlive(_ process: Int32) -> Bool {
        guard let state = self.state(of: process) else {
            return !FileManager.default.fileExists(atPath: "/proc/self/stat") && kill(process, 0) == 0
        }
        return state != "Z" && state != "X"
    }

    /// As `ps` shows it: `R`, `S`, `T` (stopped), `Z` (ended) ...; `nil` when there is no such process.
    static func state(of process: Int32) -> Character? {
        let stat = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
        return stat?.split(separator: ")").last?.first { $0 != " " }
    }

    private static func children(of process: Int32) -> [Int32] {
        let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/task")) ?? []
        return tasks.flatMap { task -> [Int32] in
            let path = "/proc/\(process)/task/\(task)/children"
            let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
            return text.split(separator: " ").compactMap { Int32($0) }
        }
    }
}
