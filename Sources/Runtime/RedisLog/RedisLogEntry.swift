package import CardumeCore
import FoundationEssentials

/// How a message stands in a stream: one field for each part that it has.
///
/// | Field | Holds |
/// |---|---|
/// | `conv`, `id`, `kind` | conversation, the provider's message id, ``MessageKind`` |
/// | `text` | as the contact wrote it |
/// | `at` | when it was received, milliseconds since 1970 |
/// | `to`, `trace` | the address a reply goes to, the trace id |
/// | `sent`, `name` | the sender's time in seconds since 1970, the contact's name |
/// | `span` | ``SpanReference``: the span that the trace goes on below |
/// | `more` | ``InboundMessage/Details`` as JSON |
/// | `menu` | present when the contact is to be shown the channel's menu |
/// | `moved` | the id of the hold for which it comes from another assistant's log |
/// | `notice` | ``LogNotice``: no message |
package enum RedisLogEntry {
    /// Appends the number of arguments that follow, and these: fields and values.
    package static func append(_ message: InboundMessage, to command: inout RedisCommand) throws(StoreError) {
        let more = try self.more(of: message)
        let optional = [
            message.text != nil, message.sentAt != nil, message.contactName != nil, message.span != nil, more != nil,
        ]
        command.append(2 * (6 + optional.count { $0 }))
        self.appendFields(message, more: more, to: &command)
    }

    /// Appends fields and values.
    static func appendFields(_ message: InboundMessage, more: [UInt8]?, to command: inout RedisCommand) {
        command.append("conv")
        command.append(message.conversation.rawValue)
        command.append("id")
        command.append(message.id.rawValue)
        command.append("kind")
        command.append(message.kind.rawValue)
        if let text = message.text {
            command.append("text")
            command.append(text)
        }
        command.append("at")
        command.append(message.receivedAt.milliseconds)
        command.append("to")
        command.append(message.replyAddress)
        command.append("trace")
        command.append(message.traceID)
        if let sentAt = message.sentAt {
            command.append("sent")
            command.append(sentAt)
        }
        if let name = message.contactName {
            command.append("name")
            command.append(name)
        }
        if let span = message.span {
            command.append("span")
            command.append(span.rawValue)
        }
        if let more {
            command.append("more")
            command.append(bytes: more)
        }
    }

    /// The details that have no field of their own, as JSON; `nil` when there are none.
    static func more(of message: InboundMessage) throws(StoreError) -> [UInt8]? {
        guard message.hasDetails else { return nil }
        var details = message.details
        details.span = nil
        return details == .none ? nil : try self.json(details)
    }

    static func json(_ value: some Encodable) throws(StoreError) -> [UInt8] {
        do {
            return Array(try JSONEncoder().encode(value))
        } catch {
            throw StoreError(.incompatible, "a message cannot be written as JSON: \(error)")
        }
    }

    /// - Parameter value: an entry as `XRANGE` and `XREAD` give it: its id, then fields and values.
    /// - Returns: `nil` for what no producer may write: without conversation, id or reply address.
    package static func decode(_ value: RedisValue) -> LogEntry? {
        var parts = value.array.makeIterator()
        guard let offset = parts.next()?.offset, let fields = parts.next()?.array else { return nil }
        var conversation: String?
        var id: String?
        var kind = MessageKind.text
        var text: String?
        var receivedAt = 0
        var replyAddress: String?
        var traceID = ""
        var sentAt: Int?
        var name: String?
        var details = InboundMessage.Details.none
        var (showsMenu, movedTo, notice): (Bool?, LogOffset?, LogNotice?) = (nil, nil, nil)
        var span: SpanReference?
        var iterator = fields.makeIterator()
        while let field = iterator.next(), let value = iterator.next() {
            switch field.word {
            case Word.conv: conversation = value.string
            case Word.id: id = value.string
            case Word.kind: kind = value.word == Word.text ? .text : value.string.flatMap(MessageKind.init) ?? .unknown
            case Word.text: text = value.string
            case Word.at: receivedAt = value.integer ?? 0
            case Word.to: replyAddress = value.string
            case Word.trace: traceID = value.string ?? ""
            case Word.sent: sentAt = value.integer
            case Word.name: name = value.string
            case Word.more: details = self.details(value)
            case Word.menu: showsMenu = true
            case Word.moved: movedTo = value.offset
            case Word.notice: notice = value.string.flatMap(LogNotice.init)
            case Word.span: span = value.string.flatMap(SpanReference.init)
            default: break
            }
        }
        if showsMenu != nil { details.showsMenu = showsMenu }
        if movedTo != nil { details.movedTo = movedTo }
        if notice != nil { details.notice = notice }
        if span != nil { details.span = span }
        guard let conversation, let id, let replyAddress else { return nil }
        return LogEntry(
            offset: offset,
            message: InboundMessage(
                id: MessageID(id), conversation: Conversation.ID(conversation), kind: kind, text: text,
                sentAt: sentAt.map(Int64.init), receivedAt: Timestamp(milliseconds: Int64(receivedAt)), contactName: name,
                replyAddress: replyAddress, traceID: traceID, details: details))
    }

    private static func details(_ value: RedisValue) -> InboundMessage.Details {
        value.bytes.flatMap { try? JSONDecoder().decode(InboundMessage.Details.self, from: Data($0)) } ?? .none
    }
}

/// Short field names as numbers, so that reading an entry compares no strings.
private enum Word {
    static let conv = Self.word("conv")
    static let id = Self.word("id")
    static let kind = Self.word("kind")
    static let text = Self.word("text")
    static let at = Self.word("at")
    static let to = Self.word("to")
    static let trace = Self.word("trace")
    static let sent = Self.word("sent")
    static let name = Self.word("name")
    static let more = Self.word("more")
    static let menu = Self.word("menu")
    static let moved = Self.word("moved")
    static let notice = Self.word("notice")
    static let span = Self.word("span")

    private static func word(_ name: StaticString) -> UInt64 {
        name.withUTF8Buffer { RedisValue.word(UnsafeRawBufferPointer($0)) }
    }
}

extension RedisValue {
    /// A string of at most 8 bytes as a number; 0 for longer ones.
    fileprivate var word: UInt64 { self.withBytes(Self.word) ?? 0 }

    fileprivate static func word(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        bytes.count > 8 ? 0 : bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// A stream id: `<milliseconds>-<sequence>`.
    var offset: LogOffset? {
        self.withBytes { bytes -> LogOffset? in
            var (major, minor, isMinor) = (UInt64(0), UInt64(0), false)
            for byte in bytes {
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"):
                    let digit = UInt64(byte - UInt8(ascii: "0"))
                    if isMinor { minor = minor &* 10 &+ digit } else { major = major &* 10 &+ digit }
                case UInt8(ascii: "-") where !isMinor: isMinor = true
                default: return nil
                }
            }
            return isMinor ? LogOffset(major: major, minor: minor) : nil
        } ?? nil
    }
}
