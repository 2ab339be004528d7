import Crypto

/// A Lua script. Sent by its digest; by its source only to a server that does not know it yet.
package struct RedisScript: Sendable {
    package let source: String
    /// SHA-1 of the source in hexadecimal: what `EVALSHA` takes.
    package let digest: String

    package init(_ source: String) {
        self.source = source
        let digits = Array("0123456789abcdef".utf8)
        var digest: [UInt8] = []
        for byte in Insecure.SHA1.hash(data: Array(source.utf8)) {
            digest += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
        }
        self.digest = String(decoding: digest, as: UTF8.self)
    }

    /// A call, to which `keys` keys and then the arguments are appended. Sent with ``RedisClient/run(_:_:slot:deadline:)``.
    package func command(keys: Int) -> RedisCommand {
        var command = RedisCommand("EVALSHA", self.digest)
        command.append(keys)
        return command
    }

    /// The same call with the source.
    func withSource(_ command: RedisCommand) -> RedisCommand {
        command.replacingFirst(2, with: "EVAL", self.source)
    }
}
