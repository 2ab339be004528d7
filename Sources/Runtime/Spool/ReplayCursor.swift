/// How far a spool has been replayed, where a part of the log may be away while the rest answers.
///
/// A partition that does not take its messages is left behind with all of them, so that their order survives; the others pass.
/// Whether it takes them again is found out with the first of them alone.
struct ReplayCursor {
    /// What has this number, or a lower one, was taken or left behind.
    private(set) var position: Int64 = 0
    /// The first message that was left behind, by partition.
    private(set) var behind: [Int: SpoolFile.Row] = [:]
    /// Taken, and still on disk.
    private(set) var unremoved: Set<Int64> = []

    /// A page has been read.
    ///
    /// - Returns: what may be appended now, by partition, each in order.
    mutating func advance(over page: SpoolFile.Page, partitions: Int) -> [Int: [SpoolFile.Row]] {
        self.position = page.last ?? self.position
        let open = page.rows.filter { !self.unremoved.contains($0.number) }
        return Dictionary(grouping: open) { $0.append.message.conversation.partitionNumber(of: partitions) }
            .filter { self.behind[$0.key] == nil }
    }

    /// The log has taken messages of a partition. If it was left behind, reading goes on where that was.
    mutating func taken(_ rows: [SpoolFile.Row], of partition: Int) {
        self.unremoved.formUnion(rows.map(\.number))
        guard let first = self.behind.removeValue(forKey: partition) else { return }
        self.position = min(self.position, first.number)
    }

    /// The log has not taken messages of a partition, or perhaps some.
    mutating func refused(_ rows: [SpoolFile.Row], of partition: Int) {
        guard self.behind[partition] == nil else { return }
        self.behind[partition] = rows.first
    }

    mutating func removed(_ numbers: [Int64]) { self.unremoved.subtract(numbers) }
}
