public import CardumeCore
import Foundation
public import Logging
import Synchronization
import Tracing

/// Writes one line per event to a stream, as JSON for collectors or as text for people.
public struct LineLogHandler: LogHandler {
    public enum Format: Sendable {
        case json
        case text
    }

    public var logLevel: Logger.Level {
        get { self.ownLevel ?? self.level.value }
        set { self.ownLevel = newValue }
    }
    public var metadata: Logger.Metadata = [:]
    private let level: Live<Logger.Level>
    /// Of one logger that was told so.
    private var ownLevel: Logger.Level?
    private let label: String
    private let format: Format
    private let output: @Sendable (String) -> Void

    /// - Parameters:
    ///   - level: of all loggers that were not told otherwise.
    ///   - output: writes a whole line, without its end. May be called from any thread.
    public init(
        label: String, level: Live<Logger.Level>, format: Format,
        output: @escaping @Sendable (String) -> Void = StandardOutput.write
    ) {
        self.label = label
        self.level = level
        self.format = format
        self.output = output
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { self.metadata[key] }
        set { self.metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var fields = self.metadata
        if let own = event.metadata { fields.merge(own) { _, new in new } }
        if let error = event.error { fields["error"] = "\(error)" }
        Self.addTrace(to: &fields)
        let sorted = fields.sorted { $0.key < $1.key }
        let time = Date().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
        switch self.format {
        case .json:
            var line = "{\"time\":\"\(time)\",\"level\":\"\(event.level)\",\"logger\":\(Self.json(self.label))"
            line += ",\"message\":\(Self.json(event.message.description))"
            for (key, value) in sorted { line += ",\(Self.json(Self.name(of: key))):\(Self.json(value.description))" }
            self.output(line + "}")
        case .text:
            let fields = sorted.map { "\($0.key)=\(Self.visible($0.value.description))" }.joined(separator: " ")
            let level = event.level.rawValue.uppercased()
            let message = Self.visible(event.message.description)
            self.output("\(time.dropFirst(11)) \(level) \(message)\(fields.isEmpty ? "" : "  " + fields)")
        }
    }

    /// `text` with its control characters written out: what strangers write must neither begin lines nor steer terminals.
    static func visible(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else { return text }
        return text.unicodeScalars.reduce(into: "") { result, scalar in
            if scalar.properties.generalCategory == .control {
                result += "\\u{\(String(scalar.value, radix: 16))}"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
    }

    /// What runs in a trace says so, where the line does not say it itself.
    private static func addTrace(to fields: inout Logger.Metadata) {
        guard let trace = ServiceContext.current?.trace else { return }
        let stated = fields["trace_id"]?.description
        guard stated == nil || stated == trace.traceID else { return }
        fields["trace_id"] = "\(trace.traceID)"
        if let span = trace.span, fields["span_id"] == nil { fields["span_id"] = "\(TraceSyntax.hexadecimal(span.id))" }
    }

    /// The line's own fields are not to be given twice.
    private static func name(of key: String) -> String {
        ["time", "level", "logger", "message"].contains(key) ? key + "_" : key
    }

    /// `text` as a JSON string.
    static func json(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case let scalar where scalar.value < 0x20 || scalar.value == 0x7F:
                let hex = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

/// Whole lines to standard output, never interleaved.
public enum StandardOutput {
    private static let lock = Mutex(())

    public static func write(_ line: String) {
        self.lock.withLock { _ in
            // A full disk or a reader that went away costs log lines, not the process.
            try? FileHandle.standardOutput.write(contentsOf: Data((line + "\n").utf8))
        }
    }
}
