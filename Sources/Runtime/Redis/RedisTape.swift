/// One value of a reply: what it is, and where.
struct RedisToken: Sendable {
    enum Kind: UInt8, Sendable {
        case null, integer, string, status, error, array
    }

    let kind: Kind
    /// Strings: where they begin in the tape's bytes. Arrays: their elements. Integers: the lower half.
    let first: UInt32
    /// Strings: where they end. Arrays: the index of the token after the last one inside. Integers: the upper half.
    fileprivate(set) var second: UInt32

    static let null = RedisToken(kind: .null, first: 0, second: 0)

    init(kind: Kind, first: UInt32, second: UInt32) {
        self.kind = kind
        self.first = first
        self.second = second
    }

    init(integer: Int64) {
        self.init(
            kind: .integer, first: UInt32(truncatingIfNeeded: integer), second: UInt32(truncatingIfNeeded: integer >> 32))
    }

    var integer: Int { Int(Int64(self.second) << 32 | Int64(self.first)) }
}

/// The tokens of a reply in the order of the wire, and the bytes of its strings.
final class RedisTape: Sendable {
    private let tokens: [RedisToken]
    private let bytes: [UInt8]

    static let ok = RedisTape(tokens: [], bytes: Array("OK".utf8))

    /// Copies both: they are the builder's buffers, which are used again.
    init(tokens: [RedisToken], bytes: [UInt8]) {
        self.tokens = tokens.withUnsafeBufferPointer { Array($0) }
        self.bytes = bytes.withUnsafeBufferPointer { Array($0) }
    }

    func token(_ index: Int) -> RedisToken { self.tokens[index] }

    /// Lends the bytes of a string.
    func withText<Result>(of token: RedisToken, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        try self.bytes.withUnsafeBytes {
            try body(UnsafeRawBufferPointer(rebasing: $0[Int(token.first)..<Int(token.second)]))
        }
    }
}

/// Takes the values of one reply after the other as they are read and packs each reply when it is whole.
///
/// Its buffers are reused, so that a reply costs the memory it needs and one copy.
struct RedisTapeBuilder {
    private struct Level {
        var token: Int
        var missing: Int
    }

    /// Above this many bytes, buffers are given back after a reply.
    private static let kept = 1 << 20

    private var tokens: [RedisToken] = []
    private var bytes: [UInt8] = []
    /// The arrays that are still open, outermost first.
    private var levels: [Level] = []

    mutating func add(integer: Int64) {
        self.add(RedisToken(integer: integer))
    }

    mutating func addNull() {
        self.add(.null)
    }

    /// Returns `false` when the reply is longer than a tape can hold (4 GiB).
    mutating func add(_ kind: RedisToken.Kind, _ text: UnsafeRawBufferPointer) -> Bool {
        let start = self.bytes.count
        guard let end = UInt32(exactly: start + text.count) else { return false }
        self.bytes.append(contentsOf: text)
        self.add(RedisToken(kind: kind, first: UInt32(start), second: end))
        return true
    }

    mutating func addArray(count: Int) {
        let index = self.tokens.count
        self.tokens.append(RedisToken(kind: .array, first: UInt32(count), second: UInt32(index + 1)))
        if count > 0 {
            self.levels.append(Level(token: index, missing: count))
        } else {
            self.elementEnded()
        }
    }

    private mutating func add(_ token: RedisToken) {
        self.tokens.append(token)
        self.elementEnded()
    }

    private mutating func elementEnded() {
        while let last = self.levels.indices.last {
            self.levels[last].missing -= 1
            if self.levels[last].missing > 0 { return }
            self.tokens[self.levels[last].token].second = UInt32(self.tokens.count)
            self.levels.removeLast()
        }
    }

    /// The reply, once all of it was added.
    mutating func finish() -> RedisReply {
        precondition(self.levels.isEmpty && !self.tokens.isEmpty, "the reply is not whole")
        let root = self.tokens[0]
        defer { self.clear() }
        switch root.kind {
        case .null, .integer:
            return RedisReply(root: root, tape: nil)
        case .status where self.bytes == [0x4F, 0x4B]:
            return RedisReply(root: root, tape: .ok)
        case .string, .status, .error:
            return RedisReply(root: root, tape: RedisTape(tokens: [], bytes: self.bytes))
        case .array:
            return RedisReply(root: root, tape: RedisTape(tokens: self.tokens, bytes: self.bytes))
        }
    }

    private mutating func clear() {
        self.bytes.removeAll(keepingCapacity: self.bytes.capacity <= Self.kept)
        self.tokens.removeAll(keepingCapacity: self.tokens.capacity <= Self.kept / MemoryLayout<RedisToken>.stride)
    }
}
