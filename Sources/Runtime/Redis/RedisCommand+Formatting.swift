import CHiredis
import NIOCore

extension ByteBuffer {
    /// Appends `command` as RESP, formatted by hiredis.
    mutating func writeRedisCommand(_ command: RedisCommand) {
        let count = command.ends.count
        precondition(count > 0, "a command has at least a name")
        var text: UnsafeMutablePointer<CChar>?
        let length = command.bytes.withUnsafeBytes { bytes in
            withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: count) { pointers in
                withUnsafeTemporaryAllocation(of: Int.self, capacity: count) { lengths in
                    // hiredis wants a pointer even where there are no bytes.
                    let base = bytes.baseAddress ?? UnsafeRawPointer(pointers.baseAddress!)
                    var start = 0
                    for (index, end) in command.ends.enumerated() {
                        pointers[index] = (base + start).assumingMemoryBound(to: CChar.self)
                        lengths[index] = end - start
                        start = end
                    }
                    return redisFormatCommandArgv(&text, Int32(count), pointers.baseAddress, lengths.baseAddress)
                }
            }
        }
        guard let text, length >= 0 else { preconditionFailure("out of memory") }
        self.writeBytes(UnsafeRawBufferPointer(start: text, count: Int(length)))
        redisFreeCommand(text)
    }
}
