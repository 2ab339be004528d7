package import CardumeCore

/// A value bound to `$1`, `$2`, … of a statement, sent in binary.
package enum PostgresParameter: Sendable {
    /// Of no type: SQL that is once given NULL and once a value names the type (`$1::int8`).
    case null
    /// A NUL, which PostgreSQL's `text` cannot hold, becomes U+FFFD; texts that must be kept byte for byte go to `bytea`.
    case text(String)
    case int(Int64)
    case double(Double)
    case bool(Bool)
    case bytes([UInt8])
    case time(Timestamp)
    /// For `unnest`: thousands of rows in one statement.
    case array(PostgresArray)
}

/// The types this program exchanges, by PostgreSQL's object ids (fixed in `pg_type.dat`).
package enum PostgresType: UInt32, Sendable {
    case bool = 16
    case bytea = 17
    case int8 = 20
    case text = 25
    case float8 = 701
    case timestamptz = 1184

    var arrayID: UInt32 {
        switch self {
        case .bool: 1000
        case .bytea: 1001
        case .int8: 1016
        case .text: 1009
        case .float8: 1022
        case .timestamptz: 1185
        }
    }
}

/// A one-dimensional array, encoded as it grows: a column of the rows a statement is given.
package struct PostgresArray: Sendable {
    package let type: PostgresType
    package private(set) var count = 0
    private var hasNull = false
    private var elements: [UInt8] = []

    package init(of type: PostgresType) {
        self.type = type
    }

    package mutating func appendNull() {
        self.count += 1
        self.hasNull = true
        self.elements.append(bigEndian: Int32(-1))
    }

    /// To an array of `text` (a NUL becomes U+FFFD) or `bytea` (byte for byte).
    package mutating func append(_ text: String?) {
        guard var text else { return self.appendNull() }
        precondition(self.type == .text || self.type == .bytea, "no array of texts")
        if self.type == .text { text = PostgresEncoding.storable(text) }
        self.count += 1
        text.withUTF8 { utf8 in
            self.elements.append(bigEndian: Int32(utf8.count))
            self.elements.append(contentsOf: utf8)
        }
    }

    package mutating func append(_ bytes: [UInt8]?) {
        guard let bytes else { return self.appendNull() }
        precondition(self.type == .bytea, "no array of bytes")
        self.count += 1
        self.elements.append(bigEndian: Int32(bytes.count))
        self.elements.append(contentsOf: bytes)
    }

    package mutating func append(_ integer: Int64?) {
        guard let integer else { return self.appendNull() }
        precondition(self.type == .int8, "no array of integers")
        self.append(word: integer)
    }

    package mutating func append(_ integer: Int?) {
        self.append(integer.map(Int64.init))
    }

    package mutating func append(_ time: Timestamp?) {
        guard let time else { return self.appendNull() }
        precondition(self.type == .timestamptz, "no array of times")
        self.append(word: PostgresEncoding.microseconds(time))
    }

    package mutating func append(_ double: Double?) {
        guard let double else { return self.appendNull() }
        precondition(self.type == .float8, "no array of numbers")
        self.append(word: Int64(bitPattern: double.bitPattern))
    }

    package mutating func append(_ bool: Bool?) {
        guard let bool else { return self.appendNull() }
        precondition(self.type == .bool, "no array of truth values")
        self.count += 1
        self.elements.append(bigEndian: Int32(1))
        self.elements.append(bool ? 1 : 0)
    }

    /// - Precondition: `parameter` fits the array's type; a text also fits `bytea`.
    package mutating func append(_ parameter: PostgresParameter) {
        switch parameter {
        case .null: self.appendNull()
        case .text(let text): self.append(text)
        case .int(let integer): self.append(integer)
        case .double(let double): self.append(double)
        case .bool(let bool): self.append(bool)
        case .bytes(let bytes): self.append(bytes)
        case .time(let time): self.append(time)
        case .array: preconditionFailure("no arrays of arrays")
        }
    }

    private mutating func append(word: Int64) {
        self.count += 1
        self.elements.append(bigEndian: Int32(8))
        self.elements.append(bigEndian: word)
    }

    /// The layout of `array_recv`: dimensions, whether there are nulls, element type; length and lower bound; elements.
    func encode(into bytes: inout [UInt8]) {
        bytes.append(bigEndian: Int32(self.count == 0 ? 0 : 1))
        bytes.append(bigEndian: Int32(self.hasNull ? 1 : 0))
        bytes.append(bigEndian: Int32(bitPattern: self.type.rawValue))
        guard self.count > 0 else { return }
        bytes.append(bigEndian: Int32(self.count))
        bytes.append(bigEndian: Int32(1))
        bytes.append(contentsOf: self.elements)
    }
}

extension PostgresParameter {
    package static func texts(_ texts: some Sequence<String?>) -> PostgresParameter {
        var array = PostgresArray(of: .text)
        for text in texts { array.append(text) }
        return .array(array)
    }

    package static func ints(_ integers: some Sequence<Int64?>) -> PostgresParameter {
        var array = PostgresArray(of: .int8)
        for integer in integers { array.append(integer) }
        return .array(array)
    }

    package static func optional(_ text: String?) -> PostgresParameter { text.map(PostgresParameter.text) ?? .null }
    package static func optional(_ integer: Int64?) -> PostgresParameter { integer.map(PostgresParameter.int) ?? .null }
    package static func optional(_ time: Timestamp?) -> PostgresParameter { time.map(PostgresParameter.time) ?? .null }

    /// 0 lets the server infer it.
    var typeID: UInt32 {
        switch self {
        case .null: 0
        case .text: PostgresType.text.rawValue
        case .int: PostgresType.int8.rawValue
        case .double: PostgresType.float8.rawValue
        case .bool: PostgresType.bool.rawValue
        case .bytes: PostgresType.bytea.rawValue
        case .time: PostgresType.timestamptz.rawValue
        case .array(let array): array.type.arrayID
        }
    }

    package func encode(into bytes: inout [UInt8]) {
        switch self {
        case .null: break
        case .text(let text): bytes.append(contentsOf: PostgresEncoding.storable(text).utf8)
        case .int(let integer): bytes.append(bigEndian: integer)
        case .double(let double): bytes.append(bigEndian: double.bitPattern)
        case .bool(let bool): bytes.append(bool ? 1 : 0)
        case .bytes(let value): bytes.append(contentsOf: value)
        case .time(let time): bytes.append(bigEndian: PostgresEncoding.microseconds(time))
        case .array(let array): array.encode(into: &bytes)
        }
    }
}

enum PostgresEncoding {
    /// 2000-01-01, from which PostgreSQL counts.
    private static let epoch: Int64 = 946_684_800_000

    static func microseconds(_ time: Timestamp) -> Int64 { (time.milliseconds - Self.epoch) * 1_000 }

    static func time(microseconds: Int64) -> Timestamp {
        Timestamp(milliseconds: microseconds / 1_000 + Self.epoch)
    }

    /// What `array_send` writes of a `text[]` of one dimension without NULLs; `nil` for anything else.
    static func texts(_ bytes: UnsafeRawBufferPointer) -> [String]? {
        var rest = bytes[...]
        func word() -> Int? {
            guard rest.count >= 4 else { return nil }
            defer { rest = rest.dropFirst(4) }
            return rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        }
        // Dimensions, whether there are NULLs, element type; then length and lower bound.
        guard let dimensions = word(), word() != nil, word() != nil, dimensions <= 1 else { return nil }
        guard dimensions == 1 else { return [] }
        guard let count = word(), word() != nil else { return nil }
        var texts: [String] = []
        for _ in 0..<count {
            guard let length = word(), length <= rest.count else { return nil }
            texts.append(String(decoding: rest.prefix(length), as: UTF8.self))
            rest = rest.dropFirst(length)
        }
        return texts
    }

    static func storable(_ text: String) -> String {
        guard text.utf8.contains(0) else { return text }
        return String(text.unicodeScalars.map { $0 == "\0" ? "\u{FFFD}" : Character($0) })
    }
}

extension [UInt8] {
    mutating func append(bigEndian integer: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: integer.bigEndian) { self.append(contentsOf: $0) }
    }
}
