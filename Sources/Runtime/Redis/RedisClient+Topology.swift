/// How a client of a cluster learns who serves what.
extension RedisClient {
    /// Without any reason to ask.
    private static let period: Duration = .seconds(30)
    /// However many the reasons.
    private static let shortestInterval: Duration = .milliseconds(250)
    /// After nobody could say.
    private static let retryInterval: Duration = .seconds(1)
    /// Refreshes in which a node was not listed, after which it is given up.
    private static let mostAbsences = 3

    /// Keeps the topology fresh until the task is cancelled.
    func keepTopology() async {
        await withDiscardingTaskGroup { group in
            group.addTask {
                while (try? await Task.sleep(for: Self.period)) != nil { self.refreshes.continuation.yield() }
            }
            self.refreshes.continuation.yield()
            for await _ in self.refreshes.stream {
                let interval = await self.refresh() ? Self.shortestInterval : Self.retryInterval
                guard (try? await Task.sleep(for: interval)) != nil else { break }
            }
            group.cancelAll()
        }
    }

    /// Returns whether anybody could say.
    private func refresh() async -> Bool {
        do throws(RedisError) {
            self.adopt(try await self.readTopology())
            return true
        } catch {
            let failure = RedisError(.notConnected, error.message, cause: error.code)
            let (waiters, isUnknown) = self.state.withLock { state in
                state.failure = failure
                defer { state.waiters = [] }
                return (state.waiters, state.topology.nodes.isEmpty)
            }
            for waiter in waiters { waiter.resume(returning: .failure(failure)) }
            if isUnknown {
                self.report(.failed(self.connector.settings.node, error, retryIn: Self.retryInterval))
                self.refreshes.continuation.yield()
            }
            return false
        }
    }

    /// Asks a node that is connected, or else the one that the settings name: all others may be gone.
    private func readTopology() async throws(RedisError) -> RedisTopology {
        let command = RedisCommand("CLUSTER", "SLOTS")
        for link in self.links.shuffled() where link.failure == nil {
            if let reply = try? await link.send(command),
                let topology = try? RedisTopology(slots: reply.root, from: link.node)
            {
                return topology
            }
        }
        let seed = self.connector.settings.node
        let connection = try await self.connector.open(seed, on: self.eventLoop).connection
        defer { connection.close() }
        return try RedisTopology(slots: try await connection.send(command).root, from: seed)
    }

    private func adopt(_ topology: RedisTopology) {
        let (news, waiters, gone) = self.state.withLock { state in
            let news = state.topology.adopt(topology) ? state.topology.version : nil
            state.failure = nil
            var gone: [RedisLink] = []
            for (node, var member) in state.links {
                member.absences = topology.nodes.contains(node) ? 0 : member.absences + 1
                state.links[node] = member.absences > Self.mostAbsences ? nil : member
                if member.absences > Self.mostAbsences { gone.append(member.link) }
            }
            let listeners = state.listeners
            defer { state.waiters = [] }
            return (news.map { ($0, listeners) }, state.waiters, gone)
        }
        for node in topology.nodes { _ = self.link(to: node) }
        if let (version, listeners) = news {
            for listener in listeners { listener.yield(version) }
        }
        for waiter in waiters { waiter.resume(returning: .success(())) }
        for link in gone { link.close() }
    }
}
