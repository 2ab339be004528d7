/// One step of the schema's history. Once released it never changes: its checksum is kept in the database.
package struct PostgresMigration: Sendable {
    /// From 1, without gaps.
    package let version: Int
    package let name: String
    /// Commands separated by semicolons, run in one transaction.
    package let up: String
    /// Undoes ``up``.
    package let down: String

    package init(version: Int, name: String, up: String, down: String) {
        self.version = version
        self.name = name
        self.up = up
        self.down = down
    }

    package var checksum: String {
        let hash = String(fnv1a64("\(self.up)\0\(self.down)".utf8), radix: 16)
        return String(repeating: "0", count: 16 - hash.count) + hash
    }
}
