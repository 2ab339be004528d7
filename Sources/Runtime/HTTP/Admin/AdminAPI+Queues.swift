import CardumeCore
import Foundation
import HTTPTypes
import Hummingbird

/// Queues: what waits, who answers, pauses.
extension AdminAPI {
    /// What is known of all queues at one moment.
    func queues() async throws -> [QueueBody] {
        try await self.asking {
            async let members = self.desk.leases.members()
            async let depths = self.desk.log.depths()
            let known = try await (members, depths)
            let configuration = self.live.current
            let own = self.status().assistants
            var bodies: [QueueBody] = []
            for queue in self.desk.queues {
                let backlog = known.1[queue] ?? 0 > 0 ? try await self.desk.backlog.backlog(of: queue) : []
                let oldest = backlog.map(\.oldestAt).min().map { max(0, self.now.elapsed(since: $0).seconds) }
                let assistant = configuration.assistants.first { $0.assistant.id == queue.assistant }?.assistant
                let isLanePaused = assistant?.bulkhead.lanes[queue.lane]?.isPaused ?? false
                let loads = known.0.compactMap { $0.load[queue.assistant] }
                let local = own[queue.assistant.rawValue]
                bodies.append(
                    QueueBody(
                        queue: queue.rawValue, assistant: queue.assistant.rawValue, lane: queue.lane.rawValue,
                        depth: known.1[queue] ?? 0, oldest_seconds: oldest,
                        paused: assistant?.pause != nil || isLanePaused,
                        // One process that owns everything is no member of anything.
                        running: known.0.isEmpty ? local?.running ?? 0 : loads.reduce(0) { $0 + $1.running },
                        waiting: known.0.isEmpty ? local?.waiting ?? 0 : loads.reduce(0) { $0 + $1.waiting },
                        members: known.0.isEmpty ? 1 : known.0.count { $0.queues.contains(queue) }))
            }
            return bodies
        }
    }

    func listQueues(_ request: Request, _ context: Context) async throws -> Response {
        try self.answer(QueueListBody(queues: try await self.queues()), request, context)
    }

    func showQueue(_ request: Request, _ context: Context) async throws -> Response {
        let queue = try self.queue(context)
        guard let status = try await self.queues().first(where: { $0.queue == queue.rawValue }) else {
            preconditionFailure("a queue of the configuration is missing")
        }
        let (holders, backlog) = try await self.asking {
            (try await self.holders(of: queue), try await self.desk.backlog.backlog(of: queue))
        }
        let owners = Dictionary(grouping: holders.values, by: \.id).map { id, held in
            QueueDetailBody.Owner(
                member: id.rawValue, address: held.first?.member?.address, alive: held.first?.member != nil,
                partitions: held.count)
        }
        let partitions = backlog.sorted { $0.oldestAt < $1.oldestAt }.map { part in
            QueueDetailBody.Partition(
                number: part.number, depth: part.depth, oldest_at: part.oldestAt.text,
                oldest_conversation: part.oldestConversation.rawValue, owner: holders[part.number]?.id.rawValue)
        }
        return try self.answer(
            QueueDetailBody(
                status: status, owners: owners.sorted { $0.member < $1.member },
                unowned_partitions: self.desk.log.partitionCount - holders.count, partitions: partitions),
            request, context)
    }

    private func holders(of queue: QueueID) async throws -> [Int: LeaseHolder] {
        let leases = self.desk.leases
        return try await withThrowingTaskGroup(of: (Int, LeaseHolder?).self) { group in
            for number in 0..<self.desk.log.partitionCount {
                group.addTask { (number, try await leases.holder(of: Partition.ID(queue, number: number))) }
            }
            return try await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
    }

    // MARK: Pauses

    func pauseQueue(_ request: Request, _ context: Context) async throws -> Response {
        let path = try self.pausePath(context)
        let body = try await self.pauseBody(request)
        let author = try self.author(context, body.reason)
        context.note?.write(body.expires_in.map { "for \($0)" }, body.reason)
        let lifetime = try body.expires_in.map { try self.lifetime($0) }
        _ = try await self.answering { try await self.live.set(path, to: "true", for: lifetime, by: author) }
        return try self.answer(PausedBody(status: "paused", setting: path), request, context)
    }

    func resumeQueue(_ request: Request, _ context: Context) async throws -> Response {
        let path = try self.pausePath(context)
        let body = try await self.pauseBody(request)
        let author = try self.author(context, body.reason)
        context.note?.write(nil, body.reason)
        try await self.answering {
            // Paused by the configuration file: only an override can say otherwise.
            if try await self.live.state(of: path).base?.text == "true" {
                _ = try await self.live.set(path, to: "false", for: nil, by: author)
            } else {
                _ = try await self.live.unset(path, by: author)
            }
        }
        return try self.answer(PausedBody(status: "resumed", setting: path), request, context)
    }

    private func pauseBody(_ request: Request) async throws -> PauseRequest {
        let data = Data(try await request.bytes(upTo: Self.bodyLimit))
        guard !data.isEmpty else { return PauseRequest() }
        guard let body = try? JSONDecoder().decode(PauseRequest.self, from: data) else {
            throw APIError.badRequest(#"the body must be like {"expires_in": "30m", "reason": "…"}"#)
        }
        return body
    }

    private func queue(_ context: Context) throws -> QueueID {
        let name = context.parameters.get("queue")?.removingPercentEncoding ?? ""
        guard let queue = self.desk.queues.first(where: { $0.rawValue == name }) else {
            throw APIError(status: .notFound, code: "not_found", message: "there is no queue \"\(name.prefix(100))\"")
        }
        return queue
    }

    /// The setting that pauses it.
    private func pausePath(_ context: Context) throws -> String {
        let queue = try self.queue(context)
        return queue.lane == .light
            ? "assistants.\(queue.assistant).paused" : "assistants.\(queue.assistant).lanes.\(queue.lane.rawValue).paused"
    }
}
