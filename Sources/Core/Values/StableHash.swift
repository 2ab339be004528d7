/// The hash that assigns conversations to partitions. It never changes: it is part of the stored format.
///
/// CRC-32 as in IEEE 802.3, zlib and PNG (reflected polynomial `0xEDB88320`, initial value and final xor `0xFFFFFFFF`;
/// the check value of `"123456789"` is `0xCBF43926`), because nearly every language's standard library has it.
public enum StableHash {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in
            value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1
        }
    }

    public static func crc32(_ bytes: some Sequence<UInt8>) -> UInt32 {
        // A string's bytes, one by one through its view, take several times as long.
        bytes.withContiguousStorageIfAvailable { self.checksum($0) } ?? self.checksum(bytes)
    }

    private static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
        let table = self.table
        return ~bytes.reduce(0xFFFF_FFFF as UInt32) { value, byte in
            table[Int((value ^ UInt32(byte)) & 0xFF)] ^ (value >> 8)
        }
    }

    /// 64 well-mixed bits of two texts (FNV-1a, then the finaliser of SplitMix64). For choosing among members, where CRC-32 is
    /// no use: it is linear, so that one member's order of partitions would be the mirror of another's.
    static func mixed(_ first: some Sequence<UInt8>, _ second: some Sequence<UInt8>) -> UInt64 {
        var value: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in first { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
        value = (value ^ 0xFF) &* 0x100_0000_01B3
        for byte in second { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return self.mixed(value, 0)
    }

    /// The finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
    static func mixed(_ first: UInt64, _ second: UInt64) -> UInt64 {
        var value = first &+ (second &+ 1) &* 0x9E37_79B9_7F4A_7C15
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
