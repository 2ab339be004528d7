/// A command and its arguments, one after the other in one buffer.
///
/// Redis takes arguments as bytes: numbers are written in decimal.
package struct RedisCommand: Sendable {
    /// All arguments without separators.
    package private(set) var bytes: [UInt8] = []
    /// Where each argument ends in ``bytes``.
    package private(set) var ends: [Int] = []

    /// - Parameters:
    ///   - arguments: the command's name first.
    package init(_ arguments: String...) {
        for argument in arguments { self.append(argument) }
    }

    /// Makes room, so that appending does not have to.
    ///
    /// - Parameters:
    ///   - arguments: how many there will be in all.
    ///   - bytes: of all arguments together.
    package mutating func reserveCapacity(arguments: Int, bytes: Int) {
        self.ends.reserveCapacity(arguments)
        self.bytes.reserveCapacity(bytes)
    }

    package mutating func append(_ argument: String) {
        self.bytes.append(contentsOf: argument.utf8)
        self.ends.append(self.bytes.count)
    }

    package mutating func append(_ argument: some BinaryInteger) {
        self.append(String(argument))
    }

    package mutating func append(bytes argument: some Sequence<UInt8>) {
        self.bytes.append(contentsOf: argument)
        self.ends.append(self.bytes.count)
    }

    /// Arguments, the command's name included.
    package var count: Int { self.ends.count }

    /// Its name, for messages and logs. Arguments may be secret.
    package var name: String {
        String(decoding: self.bytes[..<(self.ends.first ?? 0)], as: UTF8.self)
    }

    /// The same command with `arguments` in the place of its first `count` ones.
    func replacingFirst(_ count: Int, with arguments: String...) -> RedisCommand {
        precondition(count > 0 && count <= self.count, "\(self.name) has no \(count) arguments")
        var command = RedisCommand()
        for argument in arguments { command.append(argument) }
        let shift = command.bytes.count - self.ends[count - 1]
        command.bytes.append(contentsOf: self.bytes[self.ends[count - 1]...])
        for end in self.ends[count...] { command.ends.append(end + shift) }
        return command
    }
}
