import Foundation
import Synchronization

/// Ports for servers.
///
/// Taken from 12000 to 21999, below the range from which systems take the ports of outgoing connections: so the port of a
/// server that is down for a restart is not lost to a client. Redis Cluster's second port, 10000 higher, fits below it, too.
enum FreePort {
    private static let taken = Mutex(Set<Int>())

    /// A port on which nobody listens; never the same twice in one process.
    static func take() -> Int {
        while true {
            let port = Int.random(in: 12_000..<22_000)
            let isNew = self.taken.withLock { $0.insert(port).inserted }
            if isNew, self.isFree(port), self.isFree(port + 10_000) { return port }
        }
    }

    private static func isFree(_ port: Int) -> Bool {
        #if canImport(Glibc)
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
        let descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        defer { close(descriptor) }
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = INADDR_ANY
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        } == 0
    }
}
