import CardumeCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A file that is there whole or not at all: written under a temporary name, on disk before it gets its own.
final class DurableFile {
    let path: String
    private let temporary: String
    private var descriptor: Int32

    /// - Throws: when there is one of that name being written already, or the folder cannot be written to.
    init(_ path: String) throws(StoreError) {
        self.path = path
        self.temporary = path + ".tmp"
        self.descriptor = open(self.temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard self.descriptor >= 0 else { throw Self.error("cannot write \(self.temporary)") }
    }

    /// What was not finished stays under its temporary name.
    deinit {
        if self.descriptor >= 0 { close(self.descriptor) }
    }

    func append(_ bytes: [UInt8]) throws(StoreError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { writeBytes(self.descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Self.error("cannot write \(self.temporary)") }
            rest = rest.dropFirst(count)
        }
    }

    /// On disk, under its temporary name.
    func synchronize() throws(StoreError) {
        guard fsync(self.descriptor) == 0 else { throw Self.error("cannot write \(self.temporary) to the disk") }
        close(self.descriptor)
        self.descriptor = -1
    }

    /// Under its own name, for good. Called after ``synchronize()``.
    func publish() throws(StoreError) {
        guard rename(self.temporary, self.path) == 0 else { throw Self.error("cannot rename \(self.temporary)") }
        let folder = self.path.lastIndex(of: "/").map { String(self.path[..<$0]) } ?? "."
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.error("cannot open \(folder)") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw Self.error("cannot write \(folder) to the disk") }
    }

    private static func error(_ text: String) -> StoreError {
        StoreError(errno == ENOSPC ? .full : .unavailable, "\(text): \(String(cString: strerror(errno)))")
    }
}

/// `write(2)`.
private func writeBytes(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}
