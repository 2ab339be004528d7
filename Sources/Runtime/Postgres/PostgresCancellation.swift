import CPostgres
@preconcurrency import Dispatch
import Synchronization

/// Asks servers to cancel statements, without making anybody wait for it.
///
/// `PQcancel` blocks without limit when the server is frozen, so it runs on threads of its own, at most
/// ``limit`` at once. A request beyond that is dropped: the server then ends the statement when it writes to the connection
/// that is no more, or at its own `statement_timeout`.
enum PostgresCancellation {
    private static let limit = 4
    private static let running = Atomic(0)
    private static let queue = DispatchQueue(label: "cardume.postgres.cancel", attributes: .concurrent)

    /// Takes over `request`, which libpq lets any thread use, and frees it.
    static func send(_ request: OpaquePointer) {
        guard Self.running.add(1, ordering: .relaxed).newValue <= Self.limit else {
            Self.running.subtract(1, ordering: .relaxed)
            return PQfreeCancel(request)
        }
        let address = UInt(bitPattern: request)
        Self.queue.async {
            let request = OpaquePointer(bitPattern: address)
            var message = [CChar](repeating: 0, count: 256)
            _ = PQcancel(request, &message, Int32(message.count))
            PQfreeCancel(request)
            Self.running.subtract(1, ordering: .relaxed)
        }
    }
}
