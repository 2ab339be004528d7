package import CardumeCore
import Crypto
import Foundation

/// A folder of archive files and their manifests. Files are written by who has the lease of upkeep, and read by anybody.
///
/// `conversations-20261121T140322Z-1f0c9a2e.jsonl.gz` holds a conversation in each line; the manifest has the same name with
/// `.manifest.json` behind it. It is written last: a file without one is left over from a process that died, and its
/// conversations are still in the database.
package actor ArchiveFolder {
    static let suffix = ".jsonl.gz"
    static let manifestSuffix = ".manifest.json"
    /// A name that is being written, or was.
    private static let temporarySuffix = ".tmp"
    /// Leftovers younger than this may be another deployment's that writes now.
    private static let patience = Duration.seconds(86_400)
    private static let chunk = 1 << 20

    // Disks block.
    private let thread = PostgresThread(label: "cardume.archive")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { self.thread.asUnownedSerialExecutor() }

    package nonisolated let path: String
    private let fault: @Sendable (ArchivePoint) throws -> Void
    private var writing: ArchiveFile?

    /// - Parameter fault: called at each point of no return, to fail there. Defaults to nothing.
    package init(_ path: String, fault: @escaping @Sendable (ArchivePoint) throws -> Void = { _ in }) {
        self.path = path
        self.fault = fault
    }

    /// Whether it is there and can be written to.
    package nonisolated var isUsable: Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: self.path, isDirectory: &isFolder) && isFolder.boolValue
            && FileManager.default.isWritableFile(atPath: self.path)
    }

    // MARK: Writing

    /// Adds a conversation to the file that is being written, or begins one.
    ///
    /// - Returns: whether the file is large enough to be finished.
    func append(_ conversation: ArchivedConversation, at now: Timestamp) throws -> Bool {
        let file = try self.writing ?? ArchiveFile(Self.newName(at: now), in: self.path)
        self.writing = file
        try file.append(conversation)
        return file.isFull
    }

    /// Finishes the file that is being written: data, then manifest, each on disk before it gets its name.
    ///
    /// - Returns: `nil` when there is none.
    func finish(store: String, schema: Int, program: String, at now: Timestamp) throws -> ArchiveManifest? {
        guard let file = self.writing else { return nil }
        self.writing = nil
        try file.close()
        try self.fault(.dataWritten)
        try file.data.synchronize()
        try self.fault(.dataOnDisk)
        try file.data.publish()
        try self.fault(.dataNamed)
        let manifest = file.manifest(store: store, schema: schema, program: program, at: now)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let written = try DurableFile(file.data.path + Self.manifestSuffix)
        try written.append(Array(try encoder.encode(manifest)))
        try self.fault(.manifestWritten)
        try written.synchronize()
        try self.fault(.manifestOnDisk)
        try written.publish()
        try self.fault(.manifestNamed)
        return manifest
    }

    /// Gives up the file that is being written.
    func abandon() { self.writing = nil }

    /// Removes what processes that died have left.
    func removeLeftovers(at now: Timestamp) throws {
        let names = try self.names()
        let finished = Set(names.filter { $0.hasSuffix(Self.manifestSuffix) }.map { $0.dropLast(Self.manifestSuffix.count) })
        for name in names where name.hasPrefix("conversations-") {
            let isUnfinished = name.hasSuffix(Self.suffix) && !finished.contains(name[...])
            guard name.hasSuffix(Self.temporarySuffix) || isUnfinished else { continue }
            let path = "\(self.path)/\(name)"
            let changed = try FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date
            guard let changed, Double(now.milliseconds) / 1_000 - changed.timeIntervalSince1970 > Self.patience.seconds else {
                continue
            }
            try FileManager.default.removeItem(atPath: path)
        }
    }

    private static func newName(at now: Timestamp) -> String {
        let time = now.text.prefix(19).filter { $0 != "-" && $0 != ":" }
        let number = String(UInt32.random(in: .min ... .max), radix: 16)
        return "conversations-\(time)Z-\(String(repeating: "0", count: 8 - number.count))\(number)\(Self.suffix)"
    }

    // MARK: Reading

    /// Names of finished files, oldest first.
    package func files() throws -> [String] {
        try self.names().filter { $0.hasSuffix(Self.suffix + Self.manifestSuffix) }
            .map { String($0.dropLast(Self.manifestSuffix.count)) }.sorted()
    }

    private func names() throws(StoreError) -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: self.path)
        } catch {
            throw StoreError(.unavailable, "cannot read the folder \(self.path)")
        }
    }

    /// - Throws: a ``StoreError`` when there is none that this program understands.
    package func manifest(of file: String) throws(StoreError) -> ArchiveManifest {
        let path = "\(self.path)/\(file)\(Self.manifestSuffix)"
        guard let data = FileManager.default.contents(atPath: path) else {
            throw StoreError(.unavailable, "cannot read \(path)")
        }
        guard let manifest = try? JSONDecoder().decode(ArchiveManifest.self, from: data), manifest.isUnderstood else {
            throw StoreError(.corrupt, "\(path) is no manifest of an archive that this program understands")
        }
        guard manifest.file == file else { throw StoreError(.corrupt, "\(path) is the manifest of \(manifest.file)") }
        return manifest
    }

    /// Reads a file whole and holds it against its manifest: bytes, checksum, conversations and their rows.
    ///
    /// - Throws: a ``StoreError`` that says what is wrong.
    package func verify(_ file: String) throws -> ArchiveManifest { try self.verify(file) { _ in } }

    /// The same, with what it holds.
    ///
    /// - Parameter conversation: only this one; `nil` for all.
    package func contents(
        of file: String, only conversation: String?
    ) throws -> (manifest: ArchiveManifest, conversations: [ArchivedConversation]) {
        var conversations: [ArchivedConversation] = []
        let manifest = try self.verify(file) { found in
            if conversation == nil || found.conversation == conversation { conversations.append(found) }
        }
        return (manifest, conversations)
    }

    private func verify(_ file: String, _ take: (ArchivedConversation) throws -> Void) throws -> ArchiveManifest {
        let manifest = try self.manifest(of: file)
        var found: [ArchiveManifest.Entry] = []
        let (bytes, digest) = try self.read("\(self.path)/\(file)") { line in
            guard let conversation = try? JSONDecoder().decode(ArchivedConversation.self, from: line) else {
                throw StoreError(.corrupt, "\(file): line \(found.count + 1) is no conversation")
            }
            found.append(
                ArchiveManifest.Entry(
                    conversation: conversation.conversation, latest_at: conversation.latest_at, counts: conversation.counts))
            try take(conversation)
        }
        guard bytes == manifest.bytes, digest == manifest.sha256 else {
            throw StoreError(.corrupt, "\(file) is not the file that its manifest describes: bytes or SHA-256 differ")
        }
        guard found == manifest.conversations, found.reduce(into: ArchiveCounts(), { $0 += $1.counts }) == manifest.counts
        else { throw StoreError(.corrupt, "\(file) does not hold the conversations that its manifest lists") }
        return manifest
    }

    /// - Parameter line: given each line, without its end.
    private func read(
        _ path: String, _ line: (Data) throws -> Void
    ) throws -> (bytes: Int, digest: String) {
        guard FileManager.default.fileExists(atPath: path) else { throw StoreError(.corrupt, "\(path) is missing") }
        guard let handle = FileHandle(forReadingAtPath: path) else { throw StoreError(.unavailable, "cannot read \(path)") }
        defer { try? handle.close() }
        let decoder = try GzipDecoder()
        var (bytes, hash, rest) = (0, SHA256(), Data())
        while let data = try handle.read(upToCount: Self.chunk), !data.isEmpty {
            bytes += data.count
            hash.update(data: data)
            rest += Data(try decoder.add(Array(data)))
            var start = rest.startIndex
            while let end = rest[start...].firstIndex(of: 0x0A) {
                try line(rest[start..<end])
                start = end + 1
            }
            rest = Data(rest[start...])
        }
        guard decoder.isAtEnd, rest.isEmpty else { throw StoreError(.corrupt, "\(path) ends in the middle") }
        return (bytes, hash.finalize().hex)
    }
}
