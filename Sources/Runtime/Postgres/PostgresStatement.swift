/// One SQL command with its parameters.
package struct PostgresStatement: Sendable {
    package let sql: SQL
    package var parameters: [PostgresParameter]

    package init(_ sql: SQL, _ parameters: [PostgresParameter] = []) {
        self.sql = sql
        self.parameters = parameters
    }

    /// A command's text and the name it is prepared under: the same in every process, so that statements which a pooler
    /// mixes up between its clients are still the right ones. Commands used often are kept as constants.
    package struct SQL: Sendable, ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
        package let text: String
        let name: String

        package init(_ text: String) {
            self.text = text
            self.name = "cardume_" + String(fnv1a64(text.utf8), radix: 16)
        }

        package init(stringLiteral value: String) {
            self.init(value)
        }
    }
}

/// FNV-1a, 64 bits: names and checksums that stay the same for ever. Not for secrets.
func fnv1a64(_ bytes: some Sequence<UInt8>) -> UInt64 {
    bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3 }
}

/// Parameters as libpq takes them: one run of bytes and where each value stands in it.
struct EncodedParameters {
    private var bytes: [UInt8] = []
    /// `nil` for NULL.
    private var ranges: [Range<Int>?] = []
    let types: [UInt32]
    let lengths: [Int32]
    let formats: [Int32]

    init(_ parameters: [PostgresParameter]) {
        for parameter in parameters {
            if case .null = parameter {
                self.ranges.append(nil)
                continue
            }
            let start = self.bytes.count
            parameter.encode(into: &self.bytes)
            self.ranges.append(start..<self.bytes.count)
        }
        self.types = parameters.map(\.typeID)
        self.lengths = self.ranges.map { Int32($0?.count ?? 0) }
        self.formats = Array(repeating: 1, count: parameters.count)
        // An empty value at the very end still needs an address that is not null.
        self.bytes.append(0)
    }

    /// Pointers are valid inside `body` only.
    func withPointers<Result>(_ body: ([UnsafePointer<CChar>?]) -> Result) -> Result {
        self.bytes.withUnsafeBytes { buffer in
            let base = buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
            return body(self.ranges.map { range in range.flatMap { base?.advanced(by: $0.lowerBound) } })
        }
    }
}
