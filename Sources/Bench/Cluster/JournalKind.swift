import ArgumentParser

/// Where a measured worker keeps its journal.
enum JournalKind: String, CaseIterable, Sendable, ExpressibleByArgument {
    case memory
    case postgres
}
