extension RedisError {
    /// How an error reply is recognised: by its first word and, where one word means several things, by a phrase.
    private struct Pattern {
        let word: String
        let phrase: String?
        let code: Code

        init(_ word: String, _ phrase: String?, _ code: Code) {
            self.word = word
            self.phrase = phrase
            self.code = code
        }
    }

    /// The first that fits counts.
    private static let patterns: [Pattern] = [
        Pattern("MOVED", nil, .moved),
        Pattern("ASK", nil, .ask),
        Pattern("NOSCRIPT", nil, .noScript),
        Pattern("TRYAGAIN", nil, .tryAgain),
        Pattern("CLUSTERDOWN", nil, .clusterDown),
        Pattern("LOADING", nil, .loading),
        Pattern("BUSY", nil, .busy),
        Pattern("UNKILLABLE", nil, .busy),
        Pattern("READONLY", nil, .readOnly),
        Pattern("MASTERDOWN", nil, .masterDown),
        Pattern("UNBLOCKED", "instance state changed", .roleChanged),
        Pattern("UNBLOCKED", nil, .unblocked),
        Pattern("OOM", nil, .outOfMemory),
        Pattern("MISCONF", nil, .misconfigured),
        Pattern("NOREPLICAS", nil, .noReplicas),
        Pattern("EXECABORT", nil, .transactionAborted),
        Pattern("WRONGPASS", nil, .wrongPassword),
        Pattern("NOAUTH", nil, .wrongPassword),
        Pattern("NOPERM", nil, .noPermission),
        Pattern("DENIED", nil, .refusedByConfiguration),
        Pattern("CROSSSLOT", nil, .crossSlot),
        Pattern("WRONGTYPE", nil, .wrongType),
        Pattern("NOGROUP", nil, .noGroup),
        Pattern("ERR", "max number of clients", .tooManyClients),
        Pattern("ERR", "invalid password", .wrongPassword),
        Pattern("ERR", "without any password configured", .wrongPassword),
        Pattern("ERR", "no password is set", .wrongPassword),
        Pattern("ERR", "DB index is out of range", .refusedByConfiguration),
        Pattern("ERR", "SELECT is not allowed in cluster mode", .refusedByConfiguration),
        Pattern("ERR", "cluster support disabled", .refusedByConfiguration),
    ]

    /// - Parameter reply: an error reply without its leading `-`.
    init(reply: String) {
        let text = Self.withoutScriptFrame(reply)
        let word = text.prefix { $0 != " " }
        let pattern = Self.patterns.first { $0.word == word && ($0.phrase.map(text.contains) ?? true) }
        self.init(pattern?.code ?? .reply, String(text))
    }

    /// Before Redis 7, a command that failed in a script is `ERR Error running script (…): … -OOM command not allowed …`.
    private static func withoutScriptFrame(_ reply: String) -> Substring {
        guard reply.hasPrefix("ERR Error running script"), let start = reply.firstRange(of: ": -") else { return reply[...] }
        let inner = reply[start.upperBound...]
        return inner.first?.isUppercase == true ? inner : reply[...]
    }

    /// Where MOVED and ASK point to.
    ///
    /// - Parameter asked: the node that said so; it may leave its own host out.
    func redirection(from asked: RedisNode) -> (slot: RedisSlot, node: RedisNode)? {
        guard self.code == .moved || self.code == .ask else { return nil }
        let words = self.message.split(separator: " ")
        guard words.count >= 3, let slot = UInt16(words[1]), slot < RedisSlot.count,
            let colon = words[2].lastIndex(of: ":"), let port = Int(words[2][words[2].index(after: colon)...])
        else { return nil }
        let host = words[2][..<colon]
        let isKnown = !host.isEmpty && host != "?"
        return (RedisSlot(number: slot), RedisNode(host: isKnown ? String(host) : asked.host, port: port))
    }
}
