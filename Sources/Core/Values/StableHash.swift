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
        let table = self.table
        return ~bytes.reduce(0xFFFF_FFFF as UInt32) { value, byte in
            table[Int((value ^ UInt32(byte)) & 0xFF)] ^ (value >> 8)
        }
    }
}
