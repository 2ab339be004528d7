/// A server: of a cluster, or the only one.
package struct RedisNode: Hashable, Sendable, CustomStringConvertible {
    package let host: String
    package let port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    package var description: String { self.host.contains(":") ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)" }
}

/// One of the 16384 shares into which a cluster divides its keys.
package struct RedisSlot: Hashable, Sendable {
    package static let count = 16384

    package let number: UInt16

    /// - Parameter number: below ``count``.
    package init(number: UInt16) {
        precondition(number < Self.count, "there is no slot \(number)")
        self.number = number
    }

    /// The slot of `key`: of what is between its first `{` and the next `}`, if that is anything, or else of all of it.
    package init(key: String) {
        self.init(bytes: Array(key.utf8))
    }

    package init(bytes key: [UInt8]) {
        var hashed = key[...]
        if let open = key.firstIndex(of: UInt8(ascii: "{")) {
            let tail = key[(open + 1)...]
            if let close = tail.firstIndex(of: UInt8(ascii: "}")), close > tail.startIndex { hashed = tail[..<close] }
        }
        self.init(number: Self.checksum(hashed) % UInt16(Self.count))
    }

    /// CRC-16/XMODEM: polynomial 0x1021, nothing reflected, from 0.
    private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt16 {
        var checksum: UInt16 = 0
        for byte in bytes {
            checksum ^= UInt16(byte) << 8
            for _ in 0..<8 {
                checksum = checksum & 0x8000 == 0 ? checksum << 1 : checksum << 1 ^ 0x1021
            }
        }
        return checksum
    }
}
