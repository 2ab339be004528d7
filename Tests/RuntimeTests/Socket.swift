import Foundation

/// A plain blocking client socket, which tells an end from a reset.
final class Socket: Sendable {
    enum Received: Equatable {
        case bytes(String)
        case end
        case reset
        /// Nothing came in time.
        case nothing

        var text: String? { if case .bytes(let text) = self { text } else { nil } }
    }

    private let descriptor: Int32

    /// Connects to 127.0.0.1.
    init(port: Int) throws {
        #if canImport(Glibc)
        self.descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
        self.descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(INADDR_LOOPBACK).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(self.descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if result != 0 { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
    }

    func send(_ text: String) throws {
        let bytes = Array(text.utf8)
        #if canImport(Glibc)
        let flags = Int32(MSG_NOSIGNAL)
        #else
        let flags: Int32 = 0
        #endif
        let sent = Foundation.send(self.descriptor, bytes, bytes.count, flags)
        if sent != bytes.count { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
    }

    /// What comes next; blocks.
    func receive(within limit: Duration = .seconds(30)) throws -> Received {
        var time = timeval()
        time.tv_sec = Int(limit.components.seconds)
        time.tv_usec = .init(limit.components.attoseconds / 1_000_000_000_000)
        setsockopt(self.descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = recv(self.descriptor, &bytes, bytes.count, 0)
        if count > 0 { return .bytes(String(decoding: bytes[..<count], as: UTF8.self)) }
        if count == 0 { return .end }
        switch errno {
        case ECONNRESET: return .reset
        case EAGAIN: return .nothing
        default: throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
        }
    }

    deinit {
        close(self.descriptor)
    }
}
