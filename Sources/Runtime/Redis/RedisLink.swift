package import CardumeCore
package import NIOCore
import Synchronization

/// A connection that is made again whenever it is lost. Lives on one event loop.
package final class RedisLink: Sendable {
    /// What happened, for logs.
    package enum Event: Sendable {
        case connected(RedisNode)
        case lost(RedisNode, RedisError)
        case failed(RedisNode, RedisError, retryIn: Duration)
    }

    private enum Phase {
        /// An attempt is under way, or ``RedisLink/run()`` has not begun. Goes to `up`, `down` or `ended`.
        case connecting
        /// Goes to `down` or `ended`.
        case up(RedisConnector.Opened)
        /// Between attempts. Goes to `connecting` or `ended`.
        case down(RedisError)
        case ended
    }

    private struct State {
        var phase = Phase.connecting
        var waiters: [UnsafeContinuation<Result<Void, RedisError>, Never>] = []
        var pause: UnsafeContinuation<Void, Never>?

        mutating func takeWaiters() -> [UnsafeContinuation<Result<Void, RedisError>, Never>] {
            defer { self.waiters = [] }
            return self.waiters
        }
    }

    /// A connection that held this long was good; the backoff begins anew.
    private static let proven: Duration = .seconds(10)

    package let node: RedisNode
    package let eventLoop: any EventLoop
    private let connector: RedisConnector
    private let backoff: RetryPolicy
    private let blocks: Bool
    private let report: @Sendable (Event) -> Void
    private let state = Mutex(State())

    /// - Parameters:
    ///   - backoff: between attempts; its attempt limit does not apply. Defaults to at most 100 ms, 200 ms, 400 ms, … 2 s.
    ///   - blocks: whether commands that wait on purpose are sent. Defaults to `false`.
    ///   - report: called on any thread, soon after.
    package init(
        to node: RedisNode, connector: RedisConnector, on eventLoop: any EventLoop,
        backoff: RetryPolicy = RetryPolicy(base: .milliseconds(100), cap: .seconds(2)), blocks: Bool = false,
        report: @escaping @Sendable (Event) -> Void = { _ in }
    ) {
        self.node = node
        self.eventLoop = eventLoop
        self.connector = connector
        self.backoff = backoff
        self.blocks = blocks
        self.report = report
    }

    // MARK: Life

    /// Connects, and connects again, until the task is cancelled or ``close()`` is called. Called once. Returns at once then,
    /// or after the connect timeout when the server is just being connected to.
    package func run() async {
        await withTaskCancellationHandler {
            var attempt = 0
            var generator = SystemRandomNumberGenerator()
            while self.begin() {
                let opening = ContinuousClock.now
                let error = await self.connectAndHold()
                attempt = ContinuousClock.now - opening > Self.proven ? 1 : attempt + 1
                let delay = self.backoff.delay(afterAttempt: attempt, using: &generator)
                if self.down(error) {
                    self.report(.failed(self.node, error, retryIn: delay))
                    await self.pause(delay)
                }
            }
        } onCancel: {
            self.close()
        }
    }

    /// Ends the link for good. What is pending fails with ``RedisError/Code/closed``.
    package func close() {
        let (connection, waiters, pause) = self.state.withLock { state in
            var connection: RedisConnection?
            if case .up(let opened) = state.phase { connection = opened.connection }
            state.phase = .ended
            return (connection, state.takeWaiters(), state.pause.take())
        }
        connection?.close()
        for waiter in waiters { waiter.resume(returning: .failure(self.ended)) }
        pause?.resume()
    }

    private var ended: RedisError {
        RedisError(.notConnected, "the link to \(self.node) was closed", cause: .closed)
    }

    private func begin() -> Bool {
        self.state.withLock { state in
            if case .ended = state.phase { return false }
            state.phase = .connecting
            return true
        }
    }

    /// Returns why there is no connection, or none any more.
    private func connectAndHold() async -> RedisError {
        let opened: RedisConnector.Opened
        do throws(RedisError) {
            opened = try await self.connector.open(self.node, on: self.eventLoop, blocks: self.blocks)
        } catch {
            return error
        }
        let waiters = self.state.withLock { state -> [UnsafeContinuation<Result<Void, RedisError>, Never>]? in
            if case .ended = state.phase { return nil }
            state.phase = .up(opened)
            return state.takeWaiters()
        }
        guard let waiters else {
            opened.connection.close()
            return self.ended
        }
        for waiter in waiters { waiter.resume(returning: .success(())) }
        self.report(.connected(self.node))
        let error = await opened.connection.closed()
        let hasEnded = self.state.withLock { if case .ended = $0.phase { true } else { false } }
        if !hasEnded { self.report(.lost(self.node, error)) }
        return error
    }

    /// Returns `false` when the link has ended.
    private func down(_ error: RedisError) -> Bool {
        let waiters = self.state.withLock { state -> [UnsafeContinuation<Result<Void, RedisError>, Never>]? in
            switch state.phase {
            case .ended: return nil
            // Given up for this reason; that it closed afterwards says less.
            case .down: return state.takeWaiters()
            case .connecting, .up:
                state.phase = .down(error)
                return state.takeWaiters()
            }
        }
        guard let waiters else { return false }
        for waiter in waiters { waiter.resume(returning: .failure(Self.notConnected(error))) }
        return true
    }

    private func pause(_ duration: Duration) async {
        await withUnsafeContinuation { continuation in
            let isOver = self.state.withLock { state in
                guard case .down = state.phase else { return true }
                state.pause = continuation
                return false
            }
            if isOver { return continuation.resume() }
            self.eventLoop.scheduleTask(in: TimeAmount(duration)) {
                self.state.withLock { $0.pause.take() }?.resume()
            }
        }
    }

    // MARK: Use

    /// Waits for the attempt that is under way. Somebody has to ``run()`` the link.
    ///
    /// - Throws: ``RedisError/Code/notConnected`` with its cause, at once between two attempts.
    package func connected() async throws(RedisError) {
        let result: Result<Void, RedisError> = await withUnsafeContinuation { continuation in
            let known = self.state.withLock { state -> Result<Void, RedisError>? in
                switch state.phase {
                case .up: return .success(())
                case .down(let error): return .failure(Self.notConnected(error))
                case .ended: return .failure(self.ended)
                case .connecting:
                    state.waiters.append(continuation)
                    return nil
                }
            }
            if let known { continuation.resume(returning: known) }
        }
        try result.get()
    }

    /// Why nothing can be sent; `nil` when connected.
    package var failure: RedisError? {
        do throws(RedisError) {
            _ = try self.opened()
            return nil
        } catch {
            return error
        }
    }

    /// The server's number for the current connection, for `CLIENT UNBLOCK`; `nil` without one, or where the user may not ask.
    package var clientID: Int? {
        self.state.withLock { state in
            if case .up(let opened) = state.phase { opened.clientID } else { nil }
        }
    }

    /// As ``RedisConnection/send(_:deadline:)-(RedisCommand,_)``; fails at once while there is no connection.
    package func send(_ command: RedisCommand, deadline: Duration? = nil) async throws(RedisError) -> RedisReply {
        let connection = try self.opened().connection
        do throws(RedisError) {
            return try await connection.send(command, deadline: deadline)
        } catch {
            self.notice(error, on: connection)
            throw error
        }
    }

    /// Commands with nobody else's between them, each with its own outcome.
    ///
    /// - Throws: ``RedisError/Code/notConnected`` when nothing was sent.
    package func send(
        _ commands: [RedisCommand], deadline: Duration? = nil
    ) async throws(RedisError) -> [Result<RedisReply, RedisError>] {
        let connection = try self.opened().connection
        let results = await connection.send(commands, deadline: deadline)
        for case .failure(let error) in results { self.notice(error, on: connection) }
        return results
    }

    private func opened() throws(RedisError) -> RedisConnector.Opened {
        let phase = self.state.withLock { $0.phase }
        switch phase {
        case .up(let opened): return opened
        case .connecting:
            throw RedisError(.notConnected, "not connected to \(self.node) yet", cause: .unreachable)
        case .down(let error): throw Self.notConnected(error)
        case .ended: throw self.ended
        }
    }

    private static func notConnected(_ error: RedisError) -> RedisError {
        RedisError(.notConnected, error.message, cause: error.code)
    }

    /// A server that is no master any more is left, after it has answered what it was asked.
    private func notice(_ error: RedisError, on connection: RedisConnection) {
        guard error.remedy == .reresolve else { return }
        let isNew = self.state.withLock { state in
            guard case .up(let opened) = state.phase, opened.connection === connection else { return false }
            state.phase = .down(error)
            return true
        }
        if isNew { connection.retire() }
    }
}
