import Foundation
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A line on standard error that overwrites itself. Shown on terminals only.
final class ProgressBar: Sendable {
    private let isShown: Bool
    private let latest = Mutex("")

    init(isShown: Bool) {
        self.isShown = isShown && isatty(STDERR_FILENO) == 1
    }

    func show(_ what: String, _ done: Int, of all: Int) {
        guard self.isShown else { return }
        let filled = 40 * done / max(all, 1)
        let bar = String(repeating: "█", count: filled) + String(repeating: "·", count: 40 - filled)
        let line = "\r\(what.padding(to: 14)) \(bar) \(100 * done / max(all, 1)) %  "
        self.latest.withLock { latest in
            guard latest != line else { return }
            latest = line
            Self.write(line)
        }
    }

    func clear() {
        guard self.isShown else { return }
        Self.write("\r\u{1B}[2K")
    }

    private static func write(_ text: String) {
        FileHandle.standardError.write(Data(text.utf8))
    }
}

extension String {
    fileprivate func padding(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - self.count))
    }
}
