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

    /// What `body` returns, once it no longer throws.
    ///
    /// - Throws: `ServerError` naming `what` and the latest error when the time is over.
    package static func value<Value>(
        of what: String, within limit: Duration = .seconds(30), _ body: () async throws -> Value
    ) async throws -> Value {
        var value: Value?
        var failure: (any Error)?
        do {
            try await Self.until(what, within: limit) {
                do { value = try await body() } catch { failure = error }
                return value != nil
            }
        } catch let error as ServerError {
            throw ServerError("\(error): \(failure.map { "\($0)" } ?? "")")
        }
        guard let value else { preconditionFailure("waiting ended without a value") }
        return value
    }
}
