/// Channel + contact: the unit of order. Tag of ``Conversation/ID``.
public enum Conversation {
    /// `<channel>:<contact>`. A channel's name may contain colons, a contact never does.
    public typealias ID = Identifier<Conversation>
}

extension Identifier where Tag == Conversation {
    /// - Precondition: `contact` holds no colon; the normalisers see to it.
    public init(channel: ChannelID, contact: ContactID) {
        self.init(channel.rawValue + ":" + contact.rawValue)
    }

    /// What stands before the last colon; the whole when there is none.
    public var channel: ChannelID {
        guard let colon = self.rawValue.utf8.lastIndex(of: UInt8(ascii: ":")) else { return ChannelID(self.rawValue) }
        return ChannelID(String(self.rawValue[..<colon]))
    }

    /// What stands after the last colon; empty when there is none.
    public var contact: ContactID {
        guard let colon = self.rawValue.utf8.lastIndex(of: UInt8(ascii: ":")) else { return "" }
        return ContactID(String(self.rawValue[self.rawValue.utf8.index(after: colon)...]))
    }

    /// The partition of this conversation, the same in every queue and for every producer in any language:
    /// `crc32(utf8(id)) mod partitionCount`. Test vectors stand in `docs/architecture.md`.
    ///
    /// - Parameter partitionCount: from 1; fixed when a log is created.
    public func partitionNumber(of partitionCount: Int) -> Int {
        Int(StableHash.crc32(self.rawValue.utf8) % UInt32(partitionCount))
    }
}
