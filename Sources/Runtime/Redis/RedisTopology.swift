/// Which node serves which slot.
package struct RedisTopology: Sendable {
    private static let nobody = UInt16.max

    package private(set) var nodes: [RedisNode]
    /// By slot: an index into `nodes`.
    private var owners: [UInt16]
    /// Grows with every change.
    private(set) var version = 0

    /// Nobody serves anything yet.
    init() {
        self.nodes = []
        self.owners = Array(repeating: Self.nobody, count: RedisSlot.count)
    }

    /// A single server serves everything.
    init(single node: RedisNode) {
        self.nodes = [node]
        self.owners = Array(repeating: 0, count: RedisSlot.count)
    }

    /// - Parameters:
    ///   - slots: the reply to `CLUSTER SLOTS`.
    ///   - asked: who gave it; a node may leave its own host out.
    /// - Throws: ``RedisError/Code/clusterDown`` when no slot is served.
    package init(slots: RedisValue, from asked: RedisNode) throws(RedisError) {
        self.init()
        for range in slots.array {
            var parts = range.array.makeIterator()
            guard let first = parts.next()?.integer, let last = parts.next()?.integer, let master = parts.next(),
                first >= 0, first <= last, last < RedisSlot.count
            else { throw RedisError(.protocolViolation, "\(asked) describes its cluster in a way that is not understood") }
            var address = master.array.makeIterator()
            let host = address.next()?.string ?? ""
            guard let port = address.next()?.integer else { continue }
            let node = RedisNode(host: host.isEmpty || host == "?" ? asked.host : host, port: port)
            let index = self.index(of: node)
            for slot in first...last { self.owners[slot] = index }
        }
        if self.nodes.isEmpty { throw RedisError(.clusterDown, "the cluster of \(asked) serves no slot yet") }
    }

    package func node(of slot: RedisSlot) -> RedisNode? {
        let owner = self.owners[Int(slot.number)]
        return owner == Self.nobody ? nil : self.nodes[Int(owner)]
    }

    /// Takes over what a newer description says. Returns whether that changed anything.
    mutating func adopt(_ other: RedisTopology) -> Bool {
        let isSame = self.nodes == other.nodes && self.owners == other.owners
        if isSame { return false }
        let isOnlyReordered = (0..<UInt16(RedisSlot.count)).allSatisfy {
            self.node(of: RedisSlot(number: $0)) == other.node(of: RedisSlot(number: $0))
        }
        self.nodes = other.nodes
        self.owners = other.owners
        if !isOnlyReordered { self.version += 1 }
        return !isOnlyReordered
    }

    /// One slot is served by `node` now. Returns whether that was news.
    mutating func moved(_ slot: RedisSlot, to node: RedisNode) -> Bool {
        guard self.node(of: slot) != node else { return false }
        self.owners[Int(slot.number)] = self.index(of: node)
        self.version += 1
        return true
    }

    private mutating func index(of node: RedisNode) -> UInt16 {
        if let index = self.nodes.firstIndex(of: node) { return UInt16(index) }
        self.nodes.append(node)
        return UInt16(self.nodes.count - 1)
    }
}
