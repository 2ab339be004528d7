extension RedisSettings {
    /// `redis://[[user]:password@]host[:port][/database]`, or `rediss://` for TLS. User and password may be percent-encoded;
    /// IPv6 addresses are in brackets; the port defaults to 6379, the database to 0.
    ///
    /// - Parameter isCluster: whether the server is one of a cluster.
    /// - Throws: ``RedisError/Code/refusedByConfiguration`` with one line that shows no part of user or password.
    package init(url: String, isCluster: Bool = false) throws(RedisError) {
        guard let scheme = url.firstRange(of: "://") else {
            throw Self.invalid("begins neither with redis:// nor with rediss://")
        }
        let usesTLS: Bool
        switch url[..<scheme.lowerBound].lowercased() {
        case "redis": usesTLS = false
        case "rediss": usesTLS = true
        default: throw Self.invalid("begins neither with redis:// nor with rediss://")
        }
        // The last @ ends the password, so that one that was not encoded works, too.
        let rest = url[scheme.upperBound...]
        let at = rest.lastIndex(of: "@")
        let address = at.map { rest[rest.index(after: $0)...] } ?? rest
        guard !address.contains(where: { $0 == "?" || $0 == "#" }) else {
            throw Self.invalid("has options after ? or #; they are set elsewhere")
        }
        let parts = address.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        self.init(node: try Self.node(parts[0]))
        self.usesTLS = usesTLS
        self.isCluster = isCluster
        if parts.count == 2 { self.database = try Self.database(parts[1]) }
        if isCluster, self.database != 0 {
            throw Self.invalid("names database \(self.database); a cluster has only 0")
        }
        if let at { (self.user, self.password) = try Self.credentials(rest[..<at]) }
    }

    private static func invalid(_ reason: String) -> RedisError {
        RedisError(.refusedByConfiguration, "the Redis URL \(reason)")
    }

    private static func node(_ text: Substring) throws(RedisError) -> RedisNode {
        var host = text
        var port: Substring?
        if text.hasPrefix("[") {
            guard let close = text.firstIndex(of: "]") else { throw self.invalid("lacks the ] of an IPv6 address") }
            host = text[text.index(after: text.startIndex)..<close]
            let tail = text[text.index(after: close)...]
            guard tail.isEmpty || tail.hasPrefix(":") else { throw self.invalid("has something between ] and the port") }
            port = tail.isEmpty ? nil : tail.dropFirst()
        } else if let colon = text.firstIndex(of: ":") {
            host = text[..<colon]
            port = text[text.index(after: colon)...]
            guard port?.contains(":") == false else { throw self.invalid("needs [ ] around an IPv6 address") }
        }
        guard !host.isEmpty, host.allSatisfy({ $0.isASCII && !$0.isWhitespace }) else { throw self.invalid("names no host") }
        guard let port else { return RedisNode(host: String(host), port: 6379) }
        guard let number = Int(port), (1...65_535).contains(number) else {
            throw self.invalid("has a port that is not from 1 to 65535")
        }
        return RedisNode(host: String(host), port: number)
    }

    private static func database(_ text: Substring) throws(RedisError) -> Int {
        if text.isEmpty { return 0 }
        guard let number = Int(text), number >= 0 else { throw self.invalid("has a database that is not a number from 0") }
        return number
    }

    private static func credentials(_ text: Substring) throws(RedisError) -> (user: String?, password: String?) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else {
            throw self.invalid("has a name but no password before @; a password alone is written :password@")
        }
        let user = try self.decoded(parts[0])
        let password = try self.decoded(parts[1])
        guard !password.isEmpty || user.isEmpty else { throw self.invalid("has an empty password") }
        return (user.isEmpty ? nil : user, password.isEmpty ? nil : password)
    }

    private static func decoded(_ text: Substring) throws(RedisError) -> String {
        var bytes: [UInt8] = []
        var rest = Substring(text).utf8
        while let byte = rest.popFirst() {
            if byte != UInt8(ascii: "%") {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(Self.digit), let low = rest.popFirst().flatMap(Self.digit) else {
                throw self.invalid("has a % before @ that is not followed by two hexadecimal digits; % itself is %25")
            }
            bytes.append(high << 4 | low)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        Character(UnicodeScalar(byte)).hexDigitValue.map(UInt8.init)
    }
}
