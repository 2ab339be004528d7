import FoundationEssentials

/// Any key: gateways add fields at will.
struct AnyKey: CodingKey, ExpressibleByStringLiteral {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
    init(stringLiteral value: String) { self.stringValue = value }
}

typealias LenientContainer = KeyedDecodingContainer<AnyKey>

/// Reading of hostile JSON: a field of an unexpected type reads as absent instead of failing its message, and fields that
/// nobody asks for are never looked at.
extension KeyedDecodingContainer where Key == AnyKey {
    func string(_ key: AnyKey) -> String? { try? self.decode(String.self, forKey: key) }

    /// A text that somebody wrote: `nil` when there is none.
    ///
    /// - Throws: when there is one that is no Unicode (half a surrogate pair), which must not read as silence.
    func text(_ key: AnyKey) throws(WireRejection) -> String? {
        do {
            return try self.decode(String.self, forKey: key)
        } catch DecodingError.typeMismatch, DecodingError.keyNotFound, DecodingError.valueNotFound {
            return nil
        } catch {
            // Inside a container, JSONDecoder's own error is not yet a `DecodingError.dataCorrupted`.
            throw WireRejection("\(key.stringValue) is not valid Unicode")
        }
    }

    func nonEmptyText(_ key: AnyKey) throws(WireRejection) -> String? {
        try self.text(key).flatMap { $0.isEmpty ? nil : $0 }
    }

    /// For names and ids. One with a NUL reads as absent: stores and C libraries would cut it, and make two of them one.
    func nonEmptyString(_ key: AnyKey) -> String? {
        self.string(key).flatMap { $0.isEmpty || $0.utf8.contains(0) ? nil : $0 }
    }

    func object(_ key: AnyKey) -> LenientContainer? { try? self.nestedContainer(keyedBy: AnyKey.self, forKey: key) }

    func isNullOrMissing(_ key: AnyKey) -> Bool { (try? self.decodeNil(forKey: key)) ?? true }

    /// The objects of an array; `nil` elements stand for what is not an object. `nil` when `key` holds no array.
    func objects(_ key: AnyKey) -> [LenientContainer?]? {
        (try? self.decode([LenientObject].self, forKey: key))?.map(\.container)
    }

    /// Whole seconds since 1970, from any of the shapes in which gateways write them; `nil` for absurd values.
    func timestamp(_ key: AnyKey) -> Int64? {
        if let number = try? self.decode(Int64.self, forKey: key) { return WireTimestamp.seconds(Double(number)) }
        if let number = try? self.decode(Double.self, forKey: key) { return WireTimestamp.seconds(number) }
        if let text = self.string(key) { return Double(text).flatMap(WireTimestamp.seconds) }
        if let long = self.object(key), let low = try? long.decode(Int64.self, forKey: "low") {
            let high = (try? long.decode(Int64.self, forKey: "high")) ?? 0
            guard let low32 = UInt32(exactly: low & 0xFFFF_FFFF), let high32 = Int32(exactly: high) else { return nil }
            return WireTimestamp.seconds(Double(high32) * 4_294_967_296 + Double(low32))
        }
        return nil
    }
}

/// An array element that may be anything.
private struct LenientObject: Decodable {
    let container: LenientContainer?

    init(from decoder: any Decoder) throws {
        self.container = try? decoder.container(keyedBy: AnyKey.self)
    }
}

enum WireTimestamp {
    /// Values above 10¹¹ are milliseconds; fractions are cut off; what is not a time after 1970 is `nil`.
    static func seconds(_ value: Double) -> Int64? {
        guard value.isFinite, value >= 1, value < 1e15 else { return nil }
        return Int64(exactly: (value > 1e11 ? value / 1000 : value).rounded(.down))
    }
}

/// A webhook body whose outermost value must be an object.
struct WireBody<Content> {
    /// Decodes `body` and hands its outermost object to `read`.
    ///
    /// - Throws: a ``WireRejection`` when `body` is not a JSON object in valid UTF-8.
    static func decode(
        _ body: [UInt8], _ read: @escaping @Sendable (LenientContainer) throws(WireRejection) -> Content
    ) throws(WireRejection) -> Content {
        // JSONDecoder checks only the text that is read (a skipped field may hold anything), and lets a byte order mark pass.
        guard !body.starts(with: [0xEF, 0xBB, 0xBF]) else { throw WireRejection("begins with a byte order mark") }
        guard String(validating: body, as: UTF8.self) != nil else { throw WireRejection("not valid UTF-8") }
        let decoder = JSONDecoder()
        decoder.userInfo[Root.readKey] = Root.Reader(read: read)
        let root: Root
        do {
            root = try decoder.decode(Root.self, from: Data(body))
        } catch let rejection as WireRejection {
            throw rejection
        } catch {
            throw WireRejection("not a JSON object")
        }
        return root.content
    }

    private struct Root: Decodable {
        static var readKey: CodingUserInfoKey { CodingUserInfoKey(rawValue: "read")! }

        struct Reader: Sendable {
            let read: @Sendable (LenientContainer) throws(WireRejection) -> Content
        }

        let content: Content

        init(from decoder: any Decoder) throws {
            guard let reader = decoder.userInfo[Self.readKey] as? Reader else {
                throw WireRejection("no reader")
            }
            self.content = try reader.read(decoder.container(keyedBy: AnyKey.self))
        }
    }
}

/// Why a body cannot be interpreted.
public struct WireRejection: Error, Hashable, Sendable, CustomStringConvertible {
    public let reason: String

    public init(_ reason: String) {
        self.reason = reason
    }

    public var description: String { self.reason }
}
