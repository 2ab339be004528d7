import ArgumentParser
import Foundation

/// `--json` of commands that ask no process.
struct JSONOption: ParsableArguments {
    @Flag(help: "Print JSON.") var json = false

    /// Prints one or the other.
    func show<Value: Encodable>(_ value: @autoclosure () -> Value, else text: @autoclosure () -> String) throws {
        print(try self.json ? JSONOutput.text(value()) : text())
    }
}

enum JSONOutput {
    /// On one line, members in alphabetical order.
    static func text(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}
