import CardumeCore
package import NIOCore
import Synchronization

/// Redis as one event loop sees it: a single server or a cluster, behind the same calls.
///
/// Connections are shared: nothing that blocks may be sent through it; see ``dedicatedLink(to:)``.
package final class RedisClient: Sendable {
    struct State {
        var topology: RedisTopology
        var links: [RedisNode: Member] = [:]
        var listeners: [AsyncStream<Int>.Continuation] = []
        var waiters: [UnsafeContinuation<Result<Void, RedisError>, Never>] = []
        /// Why the cluster's topology is not known yet.
        var failure: RedisError?
        var isEnded = false
    }

    /// A link and for how many refreshes its node was not listed.
    struct Member {
        let link: RedisLink
        var absences = 0
    }

    package let eventLoop: any EventLoop
    let connector: RedisConnector
    let report: @Sendable (RedisLink.Event) -> Void
    let state: Mutex<State>
    /// The way without looking anything up, when there is only one server.
    private let single: RedisLink?
    /// New links, which ``run()`` runs.
    private let born = AsyncStream<RedisLink>.makeStream()
    /// Wishes for a fresh topology.
    let refreshes = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

    /// - Parameters:
    ///   - connector: shared by the clients of all event loops.
    ///   - report: told of connections made and lost, on any thread.
    package init(
        connector: RedisConnector, on eventLoop: any EventLoop,
        report: @escaping @Sendable (RedisLink.Event) -> Void = { _ in }
    ) {
        self.connector = connector
        self.eventLoop = eventLoop
        self.report = report
        let node = connector.settings.node
        if connector.settings.isCluster {
            self.single = nil
            self.state = Mutex(State(topology: RedisTopology()))
        } else {
            let link = RedisLink(to: node, connector: connector, on: eventLoop, report: report)
            self.single = link
            self.state = Mutex(State(topology: RedisTopology(single: node), links: [node: Member(link: link)]))
            self.born.continuation.yield(link)
        }
    }

    // MARK: Life

    /// Keeps all connections until the task is cancelled. Called once.
    package func run() async {
        await withDiscardingTaskGroup { group in
            if self.connector.settings.isCluster { group.addTask { await self.keepTopology() } }
            for await link in self.born.stream {
                group.addTask { await link.run() }
            }
            group.cancelAll()
        }
        let (waiters, listeners) = self.state.withLock { state in
            state.isEnded = true
            defer { (state.waiters, state.listeners) = ([], []) }
            return (state.waiters, state.listeners)
        }
        for waiter in waiters { waiter.resume(returning: .failure(Self.ended)) }
        for listener in listeners { listener.finish() }
    }

    static let ended = RedisError(.notConnected, "the Redis client was stopped", cause: .closed)

    /// Waits until every node is connected, or an attempt has failed. Somebody has to ``run()`` the client.
    ///
    /// - Throws: ``RedisError/Code/notConnected`` with its cause, at once between two attempts.
    package func connected() async throws(RedisError) {
        if self.connector.settings.isCluster { try await self.topologyKnown() }
        for link in self.links { try await link.connected() }
    }

    private func topologyKnown() async throws(RedisError) {
        let result: Result<Void, RedisError> = await withUnsafeContinuation { continuation in
            let known = self.state.withLock { state -> Result<Void, RedisError>? in
                if state.isEnded { return .failure(Self.ended) }
                if !state.topology.nodes.isEmpty { return .success(()) }
                if let failure = state.failure { return .failure(failure) }
                state.waiters.append(continuation)
                return nil
            }
            if let known { continuation.resume(returning: known) }
        }
        try result.get()
    }

    // MARK: Nodes

    /// Who serves `slot`; `nil` while that is unknown.
    package func node(of slot: RedisSlot) -> RedisNode? {
        self.state.withLock { $0.topology.node(of: slot) }
    }

    /// Grows whenever slots move to other nodes. Never, on a single server.
    package var topologyVersion: Int { self.state.withLock { $0.topology.version } }

    /// The versions as they come, some left out when several come at once. Ends with ``run()``.
    package func topologyChanges() -> AsyncStream<Int> {
        let (stream, continuation) = AsyncStream<Int>.makeStream(bufferingPolicy: .bufferingNewest(1))
        self.state.withLock { state in
            if state.isEnded { continuation.finish() } else { state.listeners.append(continuation) }
        }
        return stream
    }

    /// A connection of its own, for commands that block. The caller runs it, on the same event loop, and ends it.
    package func dedicatedLink(to node: RedisNode) -> RedisLink {
        RedisLink(to: node, connector: self.connector, on: self.eventLoop, blocks: true, report: self.report)
    }

    var links: [RedisLink] { self.state.withLock { $0.links.values.map(\.link) } }

    /// The link to `node`, made if there is none.
    func link(to node: RedisNode) -> RedisLink {
        let (link, isNew) = self.state.withLock { state in
            if let member = state.links[node] { return (member.link, false) }
            let link = RedisLink(to: node, connector: self.connector, on: self.eventLoop) { self.linkChanged($0) }
            state.links[node] = Member(link: link)
            return (link, true)
        }
        if isNew { self.born.continuation.yield(link) }
        return link
    }

    /// A node that is lost may have been replaced, or will be: the election takes its time, and who only waits for entries
    /// sends nothing that would fail.
    private func linkChanged(_ event: RedisLink.Event) {
        self.report(event)
        switch event {
        case .lost, .failed: self.refreshes.continuation.yield()
        case .connected: break
        }
    }

    // MARK: Commands

    /// Sends a command to whom `slot` belongs, following it where it moved.
    ///
    /// - Parameters:
    ///   - slot: of all the command's keys.
    ///   - deadline: from each sending to its reply. Defaults to the settings' deadline.
    /// - Throws: as ``RedisConnection/send(_:deadline:)-(RedisCommand,_)``. ``RedisError/Code/notConnected`` means that it was
    ///   not carried out.
    package func send(
        _ command: RedisCommand, slot: RedisSlot, deadline: Duration? = nil
    ) async throws(RedisError) -> RedisReply {
        if let single = self.single { return try await single.send(command, deadline: deadline) }
        guard let node = self.node(of: slot) else {
            self.refreshes.continuation.yield()
            throw RedisError(.notConnected, "no node of the cluster serves slot \(slot.number)", cause: .clusterDown)
        }
        let link = self.link(to: node)
        do throws(RedisError) {
            return try await link.send(command, deadline: deadline)
        } catch {
            return try await self.follow(error, from: link, command, deadline: deadline)
        }
    }

    /// Sends commands of different slots, those for one server with one write. Commands that only look: the whole is repeated
    /// by whoever called when one of them fails.
    ///
    /// - Returns: the replies, in the order of `commands`.
    package func send(_ commands: [(RedisCommand, RedisSlot)]) async throws(RedisError) -> [RedisReply] {
        if let single = self.single {
            var replies: [RedisReply] = []
            for result in try await single.send(commands.map(\.0)) { replies.append(try result.get()) }
            return replies
        }
        var replies = [RedisReply?](repeating: nil, count: commands.count)
        for (node, indices) in Dictionary(grouping: commands.indices, by: { self.node(of: commands[$0].1) }) {
            // A node that answers with a redirection, or none at all, is the business of the call for one command.
            guard let node else { continue }
            let results = (try? await self.link(to: node).send(indices.map { commands[$0].0 })) ?? []
            for (index, result) in zip(indices, results) { replies[index] = try? result.get() }
        }
        var complete: [RedisReply] = []
        for (index, (command, slot)) in commands.enumerated() {
            if let reply = replies[index] {
                complete.append(reply)
            } else {
                complete.append(try await self.send(command, slot: slot))
            }
        }
        return complete
    }

    /// Calls a script, by its source where the server does not know it.
    ///
    /// Several calls that one caller makes without waiting may then be carried out in another order.
    ///
    /// - Parameter command: made with ``RedisScript/command(keys:)``.
    package func run(
        _ script: RedisScript, _ command: RedisCommand, slot: RedisSlot, deadline: Duration? = nil
    ) async throws(RedisError) -> RedisReply {
        do throws(RedisError) {
            return try await self.send(command, slot: slot, deadline: deadline)
        } catch {
            guard error.code == .noScript else { throw error }
            return try await self.send(script.withSource(command), slot: slot, deadline: deadline)
        }
    }

    private func follow(
        _ first: RedisError, from origin: RedisLink, _ command: RedisCommand, deadline: Duration?
    ) async throws(RedisError) -> RedisReply {
        let start = ContinuousClock.now
        var redirects = RedisRedirects(patience: deadline ?? self.connector.settings.replyDeadline)
        var (error, link) = (first, origin)
        var isAsking = false
        while true {
            switch redirects.failed(error, from: link.node, after: ContinuousClock.now - start) {
            case .moved(let slot, let node):
                self.moved(slot, to: node)
                link = self.link(to: node)
                isAsking = false
            case .ask(let node):
                link = self.link(to: node)
                isAsking = true
            case .wait(let duration):
                do { try await Task.sleep(for: duration) } catch { throw first }
            case .fail:
                if error.code == .clusterDown || error.remedy == .reconnect { self.refreshes.continuation.yield() }
                throw error
            }
            // Its node may be new here.
            try await link.connected()
            do throws(RedisError) {
                if !isAsking { return try await link.send(command, deadline: deadline) }
                return try await link.send([RedisCommand("ASKING"), command], deadline: deadline)[1].get()
            } catch let next {
                error = next
            }
        }
    }

    private func moved(_ slot: RedisSlot, to node: RedisNode) {
        let news = self.state.withLock { state in
            state.topology.moved(slot, to: node) ? (state.topology.version, state.listeners) : nil
        }
        guard let (version, listeners) = news else { return }
        for listener in listeners { listener.yield(version) }
        self.refreshes.continuation.yield()
    }
}
