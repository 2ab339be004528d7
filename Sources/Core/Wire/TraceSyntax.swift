/// W3C Trace Context, strictly: what is not written as the recommendation says is as if it were not there.
public enum TraceSyntax {
    /// 16 lower-case digits.
    public static func hexadecimal(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }

    static func isTraceID(_ text: String) -> Bool {
        text.utf8.count == 32 && text.utf8.allSatisfy(self.isDigit) && text.utf8.contains { $0 != UInt8(ascii: "0") }
    }

    static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }

    /// Of a digit.
    static func value(_ digit: UInt8) -> UInt64 {
        UInt64(digit <= UInt8(ascii: "9") ? digit - UInt8(ascii: "0") : digit - UInt8(ascii: "a") + 10)
    }

    /// Exactly `count` digits; `nil` for anything else.
    fileprivate static func number(_ text: Substring.UTF8View, digits count: Int) -> UInt64? {
        guard text.count == count, text.allSatisfy(self.isDigit) else { return nil }
        return text.reduce(0) { $0 << 4 | self.value($1) }
    }

    /// `tracestate` as it is handed on: the members in their order; `nil` when there are none, or when some break the rules.
    static func state(_ text: String) -> String? {
        // Longer ones need not be handed on, and everything here is stored with the message.
        guard text.utf8.count <= 512 else { return nil }
        var keys: Set<Substring> = []
        var members: [String] = []
        for part in text.split(separator: ",") {
            let member = part.trimmingBlanks
            guard !member.isEmpty else { continue }
            let sides = member.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard sides.count == 2, self.isKey(sides[0]), self.isValue(sides[1]), keys.insert(sides[0]).inserted else {
                return nil
            }
            members.append(String(member))
        }
        return members.isEmpty || members.count > 32 ? nil : members.joined(separator: ",")
    }

    private static func isKey(_ key: Substring) -> Bool {
        func isLetterOrDigit(_ byte: UInt8) -> Bool {
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        }
        guard let first = key.utf8.first, isLetterOrDigit(first), key.utf8.count <= 256 else { return false }
        return key.utf8.allSatisfy { isLetterOrDigit($0) || "_-*/@".utf8.contains($0) }
            && key.utf8.count { $0 == UInt8(ascii: "@") } <= 1
    }

    private static func isValue(_ value: Substring) -> Bool {
        !value.isEmpty && value.utf8.count <= 256
            && value.utf8.allSatisfy { (0x20...0x7E).contains($0) && $0 != UInt8(ascii: "=") }
    }
}

extension TraceContext {
    /// What a request brought.
    ///
    /// - Returns: `nil` for a `traceparent` that is not exactly one of a known form. A `tracestate` that breaks the rules is left
    ///   out.
    public init?(traceparent: String, tracestate: String? = nil) {
        // Later versions may append to what version 00 has.
        let parts = traceparent.split(separator: "-", maxSplits: 4, omittingEmptySubsequences: false)
        guard parts.count >= 4, let version = TraceSyntax.number(parts[0].utf8, digits: 2), version < 0xFF,
            version > 0 || parts.count == 4,
            let id = TraceSyntax.number(parts[2].utf8, digits: 16), id != 0,
            let flags = TraceSyntax.number(parts[3].utf8, digits: 2)
        else { return nil }
        self.init(
            traceID: String(parts[1]),
            span: SpanReference(id: id, isSampled: flags & 1 == 1, state: tracestate.flatMap(TraceSyntax.state)))
    }

    /// For requests to others. Where no span is known the parent is made of the trace's id, and is not sampled: the header's form
    /// asks for one, and logs can be put together by the id alone.
    public var traceparent: String {
        let id = self.span?.id ?? (self.low == 0 ? 1 : self.low)
        return "00-\(self.traceID)-\(TraceSyntax.hexadecimal(id))-\(self.span?.isSampled == true ? "01" : "00")"
    }
}

/// As it stands in a log: `<16 hex digits>-<flags>`, then a space and `tracestate`, if there is one.
extension SpanReference: RawRepresentable, Codable {
    public var rawValue: String {
        let own = "\(TraceSyntax.hexadecimal(self.id))-\(self.isSampled ? "01" : "00")"
        return self.state.map { "\(own) \($0)" } ?? own
    }

    /// - Returns: `nil` for what is written otherwise.
    public init?(rawValue: String) {
        let halves = rawValue.split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
        let parts = halves[0].split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let id = TraceSyntax.number(parts[0].utf8, digits: 16), id != 0,
            let flags = TraceSyntax.number(parts[1].utf8, digits: 2)
        else { return nil }
        self.init(
            id: id, isSampled: flags & 1 == 1, state: halves.count == 2 ? TraceSyntax.state(String(halves[1])) : nil)
    }
}

extension Substring {
    /// Without the spaces and tabs around it.
    fileprivate var trimmingBlanks: Substring {
        var rest = self
        while rest.first == " " || rest.first == "\t" { rest.removeFirst() }
        while rest.last == " " || rest.last == "\t" { rest.removeLast() }
        return rest
    }
}
