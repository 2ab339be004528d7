/// Waits for what other processes do.
package enum Waiting {
    /// Asks every 10 ms.
    ///
    /// - Parameter limit: defaults to 30 s, for machines that are busy with something else.
    /// - Throws: `ServerError` naming `what` when the time is over; whatever `condition` throws.
    package static func until(
        _ what: @autoclosure () -> String, within limit: Duration = .seconds(30),
        _ condition: () async throws -> Bool
    ) async throws {
        let deadline = ContinuousClock.now.advanced(by: limit)
        while try await !condition() {
            guard ContinuousClock.now < deadline else { throw ServerError("waited \(limit) in vain for \(what())") }
            try await Task.sleep(for: .milliseconds(10))
        }
    }
}
