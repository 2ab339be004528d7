import Foundation
import Synchronization

/// The terminal that this process was started in, while a whole-screen view has it.
final class Terminal: Sendable {
    private static let enter = "\u{1B}[?1049h\u{1B}[?25l\u{1B}[H\u{1B}[2J"
    private static let leave = "\u{1B}[?25h\u{1B}[?1049l"

    let ink: Ink
    /// As it was; `nil` once it is so again.
    private let before: Mutex<State?>

    private struct State {
        /// `nil` where keys do not come from a terminal.
        let input: termios?
    }

    /// Whether there is one that can be drawn on.
    static var isThere: Bool {
        let name = ProcessInfo.processInfo.environment["TERM"] ?? ""
        return isatty(STDOUT_FILENO) == 1 && !name.isEmpty && name != "dumb"
    }

    /// Takes it: keys come as they are pressed and are not shown. Followed by ``restore()``, whatever happens.
    init() {
        let isColourless = !(ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty
        self.ink = isColourless ? .monochrome : .colour
        var attributes = termios()
        guard isatty(STDIN_FILENO) == 1, tcgetattr(STDIN_FILENO, &attributes) == 0 else {
            self.before = Mutex(State(input: nil))
            _ = Output.write(Self.enter)
            return
        }
        self.before = Mutex(State(input: attributes))
        // Without signals: what control and C means is decided where the other keys are.
        attributes.c_lflag &= ~tcflag_t(ICANON | ECHO | ISIG | IEXTEN)
        attributes.c_iflag &= ~tcflag_t(IXON | ICRNL)
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &attributes)
        _ = Output.write(Self.enter)
    }

    /// As it was before. Only the first call does anything.
    func restore() {
        self.before.withLock { before in
            guard let state = before else { return }
            before = nil
            _ = Output.write(Self.leave)
            if var attributes = state.input { tcsetattr(STDIN_FILENO, TCSAFLUSH, &attributes) }
        }
    }

    /// Columns and rows.
    var size: (columns: Int, rows: Int) {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return (80, 24) }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Draws over what is there, line by line, so that nothing flickers.
    ///
    /// - Returns: whether somebody is there to see it.
    func draw(_ frame: TopFrame) -> Bool {
        let lines = frame.lines.map { $0.text(self.ink) + "\u{1B}[K" }
        return Output.write("\u{1B}[H" + lines.joined(separator: "\r\n") + "\u{1B}[J")
    }

    /// Hands on what is typed, until the input ends. On a thread of its own, which goes with the process.
    static func readKeys(_ pressed: @escaping @Sendable ([UInt8]) -> Void) {
        Thread.detachNewThread {
            var buffer = [UInt8](repeating: 0, count: 64)
            while case let count = read(STDIN_FILENO, &buffer, buffer.count), count != 0 {
                if count > 0 {
                    pressed(Array(buffer[..<count]))
                } else if errno != EINTR {
                    break
                }
            }
        }
    }
}

/// Standard output.
enum Output {
    /// - Returns: `false` when nobody reads it any more.
    static func write(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { bytes in
            var rest = bytes
            while let start = rest.baseAddress, !rest.isEmpty {
                let count = Foundation.write(STDOUT_FILENO, start, rest.count)
                if count >= 0 {
                    rest = UnsafeBufferPointer(rebasing: rest.dropFirst(count))
                } else if errno != EINTR, errno != EAGAIN {
                    return false
                }
            }
            return true
        }
    }
}
