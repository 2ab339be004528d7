import CardumeCore
import CardumeRuntime
import Logging
import Synchronization
import Testing

@Suite struct LineLogHandlerTests {
    /// What strangers write neither begins a line nor steers a terminal.
    @Test func textShowsControlCharacters() {
        let lines = Mutex<[String]>([])
        let logger = Logger(label: "test") { label in
            LineLogHandler(label: label, level: Live(.info), format: .text) { line in lines.withLock { $0.append(line) } }
        }
        logger.info(
            "olá, ação 🐟\u{1B}[2J", metadata: ["name": "a\nINFO forged\r\t\u{7F}\u{9B}31m", "zero": "\u{0}"])
        let line = lines.withLock { $0.first } ?? ""
        #expect(
            line.hasSuffix(#"INFO olá, ação 🐟\u{1b}[2J  name=a\u{a}INFO forged\u{d}\u{9}\u{7f}\u{9b}31m zero=\u{0}"#), "\(line)"
        )
    }
}
