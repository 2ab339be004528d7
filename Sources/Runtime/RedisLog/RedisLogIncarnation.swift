import Synchronization

/// Notices that a server was restarted, that another one took its place, or that all was deleted: what it settled last may be
/// back, what it took last may be gone.
final class RedisLogIncarnation: Sendable {
    private struct State {
        var number = 0
        /// The id that each server gave itself when it started.
        var runs: [RedisNode: String] = [:]
        var birth: String?
    }

    private let state = Mutex(State())

    /// - Parameter birth: what the log was given when it was created.
    /// - Returns: a number that changes with the servers and with the log.
    func look(through client: RedisClient, birth: String?) async throws(RedisError) -> Int {
        var runs: [RedisNode: String] = [:]
        for link in client.links {
            // One that does not answer may be what it was.
            guard let reply = try? await link.send(RedisCommand("INFO", "server"), deadline: .seconds(1)),
                let run = RedisInfo(reply.root.string ?? "")["run_id"]
            else { continue }
            runs[link.node] = String(run)
        }
        return self.state.withLock { state in
            let isFirst = state.runs.isEmpty
            let isChanged = runs.contains { state.runs[$0.key] != $0.value }
            let isReborn = birth != nil && state.birth != nil && birth != state.birth
            state.runs.merge(runs) { $1 }
            state.birth = birth ?? state.birth
            if isChanged || isReborn, !isFirst { state.number += 1 }
            return state.number
        }
    }
}

extension RedisClient {
    /// Returns as soon as some node answers.
    func ping() async throws(RedisError) {
        var failure = Self.ended
        for link in self.links {
            do throws(RedisError) {
                _ = try await link.send(RedisCommand("PING"), deadline: .seconds(1))
                return
            } catch {
                failure = error
            }
        }
        throw failure
    }
}
