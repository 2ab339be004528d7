/// A name that is compared byte by byte.
///
/// Swift's `String` treats canonically equivalent texts as equal (`"é"` and `"e\u{301}"`), which would let two different
/// provider ids, or a forged one, pass for the same. The `Tag` keeps kinds of names apart at compile time.
public struct Identifier<Tag>: RawRepresentable, Sendable {
    public let rawValue: String

    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    public init(_ rawValue: String) {
        self.rawValue = rawValue
    }
}

extension Identifier: Hashable {
    public static func == (lhs: Self, rhs: Self) -> Bool {
        guard lhs.rawValue.utf8.count == rhs.rawValue.utf8.count else { return false }
        // Native strings lend their bytes; comparing them one by one through the view costs ten times as much.
        let areEqual = lhs.rawValue.utf8.withContiguousStorageIfAvailable { left in
            rhs.rawValue.utf8.withContiguousStorageIfAvailable { right in Self.areEqual(left, right) }
        }
        return (areEqual ?? nil) ?? lhs.rawValue.utf8.elementsEqual(rhs.rawValue.utf8)
    }

    private static func areEqual(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) -> Bool {
        var difference: UInt8 = 0
        for index in 0..<left.count { difference |= left[index] ^ right[index] }
        return difference == 0
    }

    public func hash(into hasher: inout Hasher) {
        let hashed: Void? = self.rawValue.utf8.withContiguousStorageIfAvailable {
            hasher.combine(bytes: UnsafeRawBufferPointer($0))
        }
        if hashed == nil {
            for byte in self.rawValue.utf8 { hasher.combine(byte) }
        }
        hasher.combine(UInt8(0xFF))
    }
}

extension Identifier: Comparable {
    public static func < (lhs: Self, rhs: Self) -> Bool {
        lhs.rawValue.utf8.lexicographicallyPrecedes(rhs.rawValue.utf8)
    }
}

extension Identifier: Codable {
    public init(from decoder: any Decoder) throws {
        self.init(try decoder.singleValueContainer().decode(String.self))
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.rawValue)
    }
}

extension Identifier: CustomStringConvertible, ExpressibleByStringLiteral {
    public var description: String { self.rawValue }

    public init(stringLiteral value: String) {
        self.init(value)
    }
}

/// One WhatsApp number: an Evolution instance name or a Meta phone number id.
public typealias ChannelID = Identifier<Channel>
/// Who writes: a phone number, a group, or an opaque id given by the provider. Never contains a colon.
public typealias ContactID = Identifier<Contact>
/// The provider's message id. Unique within a conversation only.
public typealias MessageID = Identifier<InboundMessage>
/// The configured name of an assistant; also the name of its queue.
public typealias AssistantID = Identifier<Assistant>

/// Tag of ``ChannelID``.
public enum Channel {}
/// Tag of ``ContactID``.
public enum Contact {}
