/// Where a process may die while it archives. Nothing is lost at any of them, and nothing is deleted before the last.
package enum ArchivePoint: String, Sendable, CaseIterable {
    case dataWritten
    case dataOnDisk
    case dataNamed
    case manifestWritten
    case manifestOnDisk
    case manifestNamed
    /// Some of a finished file's conversations are deleted.
    case partlyDeleted
    /// All are, and nobody has written that down.
    case deleted
}
