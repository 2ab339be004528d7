import AsyncHTTPClient
public import CardumeCore
import Foundation
import NIOCore

/// Finds out why a conversation waits: whoever owns its partition knows; the log, the journal and the leases say who that is and
/// what there is to say when it cannot be asked.
public struct ConversationExplainer: Sendable {
    /// What this process knows of a conversation, by queue: an answer for each queue whose partition is open here.
    public typealias Local = @Sendable (Conversation.ID) async -> [QueueID: ConversationExplanation]

    /// A caller's right to ask, which the owner is shown.
    struct Forwarding {
        /// The header `Authorization`.
        let authorization: String
        /// Of this call; the owner asks nobody else.
        static let header = "X-Cardume-Forwarded"
        /// Who is meant: anybody else refuses.
        static let holderHeader = "X-Cardume-Holder"
        static let timeout = Duration.seconds(2)
    }

    /// This process; `nil` when it owns no partitions.
    let member: Member.ID?
    private let log: any PartitionLog
    private let journal: any Journal
    private let leases: any LeaseStore
    private let client: SharedHTTPClient
    private let clock: @Sendable () -> Timestamp
    private let local: Local

    /// - Parameters:
    ///   - member: this process; `nil` when it owns no partitions.
    ///   - clock: wall time.
    public init(
        member: Member.ID?, log: any PartitionLog, journal: any Journal, leases: any LeaseStore, client: SharedHTTPClient,
        clock: @escaping @Sendable () -> Timestamp, local: @escaping Local
    ) {
        self.member = member
        self.log = log
        self.journal = journal
        self.leases = leases
        self.client = client
        self.clock = clock
        self.local = local
    }

    var now: Timestamp { self.clock() }

    /// Whether a call that was handed on to `holder` is meant for this process.
    func isMeant(_ holder: String) -> Bool { holder == self.member?.rawValue }

    /// - Parameter forwarding: `nil` when nobody else may be asked.
    /// - Returns: `nil` for a conversation that nobody knows.
    func explain(_ conversation: Conversation.ID, _ forwarding: Forwarding?) async -> ConversationExplanation? {
        async let holds = Self.result { try await self.journal.load(conversation, contextMessages: 0).isHeld }
        let places = await Self.result { try await self.log.whereabouts(of: conversation) }
        let known = await self.local(conversation)
        var explanation: ConversationExplanation
        switch (Self.best(of: known, in: places), places) {
        case (let own?, _):
            explanation = own
            explanation.owner = self.member
        case (nil, .failure(let error)):
            explanation = ConversationExplanation(conversation, queue: nil, obstacle: .unanswered(error))
        case (nil, .success(let place?)):
            explanation = await self.ask(place, conversation, forwarding)
        case (nil, .success(nil)):
            explanation = ConversationExplanation(conversation, queue: nil)
        }
        // An owner that was asked has said so itself.
        if case .success(let place) = places, explanation.hasUnsettled == nil {
            explanation.hasUnsettled = place?.hasUnsettled ?? false
        }
        if case .success(let isHeld) = await holds, explanation.isHeld == nil { explanation.isHeld = isHeld }
        if explanation.state == .idle { await self.lookBehind(&explanation) }
        let isKnown = explanation.state != .idle || explanation.queue != nil || explanation.isHeld ?? false
        return isKnown ? explanation : nil
    }

    /// An owner that has nothing of a conversation in memory may have forgotten that it is held, or not have read it yet.
    private func lookBehind(_ explanation: inout ConversationExplanation) async {
        if explanation.isHeld == true {
            (explanation.state, explanation.obstacle) = (.waiting, .held)
        } else if explanation.hasUnsettled == true {
            // It may have been answered between the two looks.
            let place = try? await self.log.whereabouts(of: explanation.conversation)
            explanation.hasUnsettled = place?.hasUnsettled ?? false
            guard place?.hasUnsettled ?? false else { return }
            (explanation.state, explanation.obstacle) = (.waiting, .backlog)
        }
    }

    /// What this process can say by itself: of the queue where the log has the conversation, or of another one in which
    /// something of it still happens.
    private static func best(
        of known: [QueueID: ConversationExplanation], in places: Result<ConversationWhereabouts?, StoreError>
    ) -> ConversationExplanation? {
        let busy = known.values.filter { $0.state != .idle }.sorted { ($0.queue?.rawValue ?? "") < ($1.queue?.rawValue ?? "") }
        let active = busy.first { $0.obstacle != .transfer } ?? busy.first
        guard case .success(let place?) = places else { return active }
        guard let own = known[place.queue] else { return nil }
        return own.state == .idle || own.obstacle == .transfer ? active ?? own : own
    }

    // MARK: Other processes

    private func ask(
        _ place: ConversationWhereabouts, _ conversation: Conversation.ID, _ forwarding: Forwarding?
    ) async -> ConversationExplanation {
        func answer(_ obstacle: Obstacle?, of owner: Member.ID? = nil) -> ConversationExplanation {
            // Who has nothing to do waits for nobody.
            ConversationExplanation(
                conversation, queue: place.queue, owner: owner, obstacle: place.hasUnsettled ? obstacle : nil)
        }
        do throws(StoreError) {
            let number = conversation.partitionNumber(of: self.log.partitionCount)
            guard let holder = try await self.leases.holder(of: Partition.ID(place.queue, number: number)) else {
                return answer(.noOwner(of: place.queue, isServed: try await self.isServed(place.queue)))
            }
            guard let owner = holder.member else {
                let isServed = try await self.isServed(place.queue)
                return answer(
                    .ownerGone(holder.id, place.queue, isServed: isServed, within: self.leases.timeToLive, at: self.now),
                    of: holder.id)
            }
            if holder.id == self.member { return answer(.ownerChanging(holder.id), of: holder.id) }
            let problem: String
            switch await self.forward(conversation, to: owner, forwarding) {
            case .success(let explanation): return explanation
            case .failure(let failure): problem = failure.reason
            }
            guard owner.queues.contains(place.queue) else { return answer(.ownerChanging(holder.id), of: holder.id) }
            return answer(
                .ownerUnreachable(holder.id, problem, deadWithin: holder.lifetimeLeft, at: self.now), of: holder.id)
        } catch {
            return answer(.unanswered(error))
        }
    }

    private func isServed(_ queue: QueueID) async throws(StoreError) -> Bool {
        try await self.leases.members().contains { $0.queues.contains(queue) }
    }

    private struct NoAnswer: Error {
        let reason: String
    }

    private func forward(
        _ conversation: Conversation.ID, to owner: Member, _ forwarding: Forwarding?
    ) async -> Result<ConversationExplanation, NoAnswer> {
        guard let forwarding else { return .failure(NoAnswer(reason: "the call was handed on once already")) }
        guard let address = owner.address else { return .failure(NoAnswer(reason: "it has no http.advertise")) }
        let path = "admin/conversations/\(HTTPAddress.segment(conversation.rawValue))/explain"
        var request = HTTPClientRequest(url: HTTPAddress.join(address, path))
        request.headers.add(name: "Authorization", value: forwarding.authorization)
        request.headers.add(name: Forwarding.header, value: self.member?.rawValue ?? "gateway")
        request.headers.add(name: Forwarding.holderHeader, value: owner.id.rawValue)
        do {
            let (head, body) = try await self.client.fetch(request, within: Forwarding.timeout, upTo: 1 << 20)
            guard head.status != .misdirectedRequest else {
                return .failure(NoAnswer(reason: "another process answers at \(address); its http.advertise is wrong"))
            }
            guard head.status == .ok else {
                return .failure(NoAnswer(reason: "\(address) answered \(head.status.code)"))
            }
            return .success(try JSONDecoder().decode(ConversationExplanation.self, from: body))
        } catch let error as HTTPClientError where error == .deadlineExceeded || error == .connectTimeout {
            return .failure(NoAnswer(reason: "\(address) did not answer within 2 s"))
        } catch let error as IOError where error.errnoCode == ECONNREFUSED {
            return .failure(NoAnswer(reason: "nobody listens at \(address)"))
        } catch {
            return .failure(NoAnswer(reason: "\(address): \(HTTPAddress.describe(error))"))
        }
    }

    private static func result<Value: Sendable>(
        _ operation: () async throws -> Value
    ) async -> Result<Value, StoreError> {
        do {
            return .success(try await operation())
        } catch let error as StoreError {
            return .failure(error)
        } catch {
            return .failure(StoreError(.unavailable, "\(error)"))
        }
    }
}
