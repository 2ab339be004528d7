import CardumeCore
import Crypto
import Foundation

/// A file on its way.
final class ArchiveFile {
    /// Bytes before compression, and conversations, at which it is finished.
    private static let limit = 64 << 20
    private static let conversationLimit = 1_000

    let data: DurableFile
    private let name: String
    private let gzip: GzipEncoder
    private let encoder = JSONEncoder()
    private var hash = SHA256()
    private var (size, bytes) = (0, 0)
    private var entries: [ArchiveManifest.Entry] = []

    var isFull: Bool { self.size >= Self.limit || self.entries.count >= Self.conversationLimit }

    init(_ name: String, in folder: String) throws {
        self.name = name
        self.data = try DurableFile("\(folder)/\(name)")
        self.gzip = try GzipEncoder()
        self.encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    }

    func append(_ conversation: ArchivedConversation) throws {
        let line = Array(try self.encoder.encode(conversation)) + [0x0A]
        self.size += line.count
        try self.write(self.gzip.add(line))
        self.entries.append(
            ArchiveManifest.Entry(
                conversation: conversation.conversation, latest_at: conversation.latest_at, counts: conversation.counts))
    }

    func close() throws { try self.write(self.gzip.finish()) }

    private func write(_ bytes: [UInt8]) throws {
        try self.data.append(bytes)
        self.hash.update(data: bytes)
        self.bytes += bytes.count
    }

    func manifest(store: String, schema: Int, program: String, at now: Timestamp) -> ArchiveManifest {
        let times = self.entries.map(\.latest_at.time)
        return ArchiveManifest(
            file: self.name, bytes: self.bytes, sha256: self.hash.finalize().hex, store: store, schema: schema,
            written_by: program, written_at: WrittenTime(now), first_at: WrittenTime(times.min() ?? now),
            latest_at: WrittenTime(times.max() ?? now),
            counts: self.entries.reduce(into: ArchiveCounts()) { $0 += $1.counts }, conversations: self.entries)
    }
}

extension Digest {
    /// As `sha256sum` prints it.
    var hex: String { self.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
}
