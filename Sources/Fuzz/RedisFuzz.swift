import CardumeCore
import CardumeRuntime

/// What Redis says, or somebody in its place.
enum RedisFuzz {
    /// Replies, as often as their reading ends in the same way when they come in pieces; with all that is made of them.
    static func replies(_ input: [UInt8]) {
        let whole = Self.read([input[...]])
        let pieces = Self.read(stride(from: 0, to: input.count, by: 3).map { input[$0..<min($0 + 3, input.count)] })
        expect(whole.count == pieces.count && whole.hasFailed == pieces.hasFailed, "read differently in pieces")
    }

    static func topology(_ input: [UInt8]) {
        for value in Self.read([input[...]]).values {
            guard let topology = try? RedisTopology(slots: value, from: RedisNode(host: "redis", port: 6379)) else { continue }
            expect(!topology.nodes.isEmpty, "a cluster without nodes")
            for number in [0, 1, 8_191, 16_383] as [UInt16] { _ = topology.node(of: RedisSlot(number: number)) }
        }
    }

    /// Writes a message as it stands in the log and reads it.
    static func comesBack(_ message: InboundMessage) {
        var command = RedisCommand()
        do { try RedisLogEntry.append(message, to: &command) } catch { return }
        var bytes = Array("*2\r\n$3\r\n1-1\r\n*\(command.count - 1)\r\n".utf8)
        var begin = 0
        for (index, end) in command.ends.enumerated() {
            let argument = command.bytes[begin..<end]
            begin = end
            // The first says how many follow.
            if index == 0 { continue }
            bytes += Array("$\(argument.count)\r\n".utf8) + argument + [13, 10]
        }
        let entries = Self.read([bytes[...]]).values.compactMap(RedisLogEntry.decode)
        expect(entries.map(\.message) == [message], "came back from the log as another: \(message), \(entries)")
    }

    private static func read(_ pieces: [ArraySlice<UInt8>]) -> (values: [RedisValue], count: Int, hasFailed: Bool) {
        let reader = RedisReplyReader()
        var values: [RedisValue] = []
        var (count, hasFailed) = (0, false)
        for piece in pieces where !hasFailed {
            do {
                try piece.withUnsafeBytes { bytes in
                    try reader.read(bytes) { result in
                        count += 1
                        guard let reply = try? result.get() else { return }
                        Self.touch(reply.root, depth: 0)
                        _ = RedisLogEntry.decode(reply.root)
                        values.append(reply.root)
                    }
                }
            } catch {
                hasFailed = true
            }
        }
        return (values, count, hasFailed)
    }

    private static func touch(_ value: RedisValue, depth: Int) {
        expect(depth <= 16, "nested more deeply than the reader allows")
        _ = (value.integer, value.string, value.bytes, value.isNull)
        for inner in value.array { Self.touch(inner, depth: depth + 1) }
    }
}
