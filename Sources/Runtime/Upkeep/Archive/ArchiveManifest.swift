package import CardumeCore

/// What stands beside an archive file, and makes it one: a file without its manifest was never finished.
package struct ArchiveManifest: Hashable, Sendable, Codable {
    /// What a line of the file holds, without reading it.
    package struct Entry: Hashable, Sendable, Codable {
        package var conversation: String
        package var latest_at: WrittenTime
        package var counts: ArchiveCounts
    }

    package static let format = "cardume-archive"
    /// Of the lines and of this.
    package static let version = 1

    package var format = Self.format
    package var version = Self.version
    /// Without its folder.
    package var file: String
    package var bytes: Int
    /// Of the file as it is, in hex.
    package var sha256: String
    /// `postgres` or `sqlite`: where the rows were, and where they can go back to.
    package var store: String
    /// Of the database's tables.
    package var schema: Int
    /// Program and version.
    package var written_by: String
    package var written_at: WrittenTime
    /// Of the conversations' latest turns.
    package var first_at: WrittenTime
    package var latest_at: WrittenTime
    package var counts: ArchiveCounts
    /// In the order of the file's lines.
    package var conversations: [Entry]

    /// Whether this program can read it.
    package var isUnderstood: Bool { self.format == Self.format && self.version == Self.version }
}
