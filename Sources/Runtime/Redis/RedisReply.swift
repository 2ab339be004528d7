/// What the server answered: one value, which may be an array of values.
package struct RedisReply: Sendable {
    private let token: RedisToken
    private let tape: RedisTape?

    init(root: RedisToken, tape: RedisTape?) {
        self.token = root
        self.tape = tape
    }

    package var root: RedisValue { RedisValue(token: self.token, index: 0, tape: self.tape) }
}

/// One value of a reply. Small; keeps the whole reply in memory.
package struct RedisValue: Sendable {
    private let token: RedisToken
    private let index: Int
    /// `nil` for integers and nulls that stand alone.
    private let tape: RedisTape?

    init(token: RedisToken, index: Int, tape: RedisTape?) {
        self.token = token
        self.index = index
        self.tape = tape
    }

    package var isNull: Bool { self.token.kind == .null }

    /// An integer, or a string that is one in decimal; `nil` for everything else.
    package var integer: Int? {
        switch self.token.kind {
        case .integer: self.token.integer
        case .string, .status: self.withBytes(Self.decimal) ?? nil
        case .null, .error, .array: nil
        }
    }

    /// A string or a status, with what is not UTF-8 in it repaired; `nil` for everything else.
    package var string: String? {
        self.withBytes { String(decoding: $0, as: UTF8.self) }
    }

    /// A copy of a string's bytes; `nil` for what is no string.
    package var bytes: [UInt8]? {
        self.withBytes { Array($0) }
    }

    /// Lends a string's bytes; `nil` for what is no string.
    package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result? {
        guard self.token.kind == .string || self.token.kind == .status, let tape = self.tape else { return nil }
        return try tape.withText(of: self.token, body)
    }

    /// Whether it is a string or a status with exactly these bytes.
    package func equals(_ text: StaticString) -> Bool {
        self.withBytes { bytes in
            text.withUTF8Buffer { bytes.elementsEqual(UnsafeRawBufferPointer($0)) }
        } ?? false
    }

    /// An error inside an array. A reply that is an error as a whole is thrown instead.
    package var error: RedisError? {
        guard self.token.kind == .error, let tape = self.tape else { return nil }
        return RedisError(reply: tape.withText(of: self.token) { String(decoding: $0, as: UTF8.self) })
    }

    /// The elements of an array; nothing for what is no array.
    package var array: RedisArray {
        guard self.token.kind == .array, let tape = self.tape else { return RedisArray(count: 0, first: 0, tape: .ok) }
        return RedisArray(count: Int(self.token.first), first: self.index + 1, tape: tape)
    }

    package var isArray: Bool { self.token.kind == .array }

    /// A string that the server means as a state (`OK`, `QUEUED`), not as data.
    package var isStatus: Bool { self.token.kind == .status }

    private static func decimal(_ text: UnsafeRawBufferPointer) -> Int? {
        let isNegative = text.first == UInt8(ascii: "-")
        let digits = isNegative ? text.dropFirst() : text[...]
        guard !digits.isEmpty else { return nil }
        var value = 0
        for digit in digits {
            guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") else { return nil }
            let (shifted, isTooLong) = value.multipliedReportingOverflow(by: 10)
            let number = Int(digit &- UInt8(ascii: "0"))
            let (next, isTooLarge) = shifted.addingReportingOverflow(isNegative ? -number : number)
            if isTooLong || isTooLarge { return nil }
            value = next
        }
        return value
    }
}

/// The elements of an array, in order. Walking over them allocates nothing and skips what is inside of them.
package struct RedisArray: Sequence, Sendable {
    package let count: Int
    private let first: Int
    private let tape: RedisTape

    init(count: Int, first: Int, tape: RedisTape) {
        self.count = count
        self.first = first
        self.tape = tape
    }

    package var underestimatedCount: Int { self.count }

    /// An element, found by walking there; `nil` beyond the end.
    package subscript(index: Int) -> RedisValue? {
        self.dropFirst(index).first { _ in true }
    }

    package func makeIterator() -> Iterator {
        Iterator(missing: self.count, index: self.first, tape: self.tape)
    }

    package struct Iterator: IteratorProtocol {
        fileprivate var missing: Int
        fileprivate var index: Int
        fileprivate let tape: RedisTape

        package mutating func next() -> RedisValue? {
            guard self.missing > 0 else { return nil }
            self.missing -= 1
            let token = self.tape.token(self.index)
            defer { self.index = token.kind == .array ? Int(token.second) : self.index + 1 }
            return RedisValue(token: token, index: self.index, tape: self.tape)
        }
    }
}
