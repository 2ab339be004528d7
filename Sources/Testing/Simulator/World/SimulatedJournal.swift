import CardumeCore

/// A process's way to the journal.
struct SimulatedJournal: Journal {
    let link: StoreLink

    func commit(_ record: JournalRecord, _ fence: Fence) async throws(StoreError) -> CommitOutcome {
        let (world, party) = (self.link.world, self.link.party)
        return try await self.link.call("commit \(record.summary)") {
            guard let kept = record.without(world.without) else { return .committed }
            let current = world.store.epoch(of: fence.partition)
            if world.without.contains(.recognition), case .turn(let turn) = record {
                world.store.forget(turn: turn.turn, of: turn.conversation)
            }
            let shown = world.without.contains(.fence) ? Fence(fence.partition, current) : fence
            do {
                let outcome = try await world.store.commit(kept, shown)
                world.note(party, "commit \(record.summary): \(outcome)")
                world.oracle.committed(record, outcome, fence, current: current, by: party)
                world.pod(of: party)?.journaled(record)
                return outcome
            } catch let error as StoreError where error.code == .fenced {
                world.note(party, "commit \(record.summary): fenced")
                world.oracle.reached(.fencedCommitRefused)
                throw error
            }
        }
    }

    func standing(of entries: [LogEntry]) async throws(StoreError) -> [LogOffset: EntryStanding] {
        let world = self.link.world
        return try await self.link.call("standing") {
            let standings = try await world.store.standing(of: entries)
            guard world.without.contains(.recognition) else { return standings }
            return standings.filter { if case .marked = $0.value { true } else { false } }
        }
    }

    func load(_ conversation: Conversation.ID, contextMessages: Int) async throws(StoreError) -> ConversationSnapshot {
        let store = self.link.world.store
        return try await self.link.call("load") { try await store.load(conversation, contextMessages: contextMessages) }
    }

    func providerIDs(of conversation: Conversation.ID) async throws(StoreError) -> Set<String> {
        let store = self.link.world.store
        return try await self.link.call("provider ids") { try await store.providerIDs(of: conversation) }
    }

    func lift(holdOn conversation: Conversation.ID) async throws(StoreError) {
        let store = self.link.world.store
        try await self.link.call("lift") { try await store.lift(holdOn: conversation) }
    }

    func recordRejected(_ webhook: RejectedWebhook) async throws(StoreError) {}
}

extension JournalRecord {
    var summary: String {
        switch self {
        case .turn(let turn): "turn \(turn.messages.map(\.id.rawValue).joined(separator: "+")) x\(turn.intents.count)"
        case .send(let intent): "send \(intent.id) \(intent.state.rawValue)"
        case .deadLetter(let letter): "dead letter \(letter.message.id) \(letter.failure.category.rawValue)"
        case .crashMark(_, let message): "mark \(message)"
        }
    }

    /// Whether a request to the gateway follows.
    var beginsSend: Bool {
        switch self {
        case .turn(let turn): turn.intents.contains { $0.state == .sending }
        case .send(let intent): intent.state == .sending
        case .deadLetter, .crashMark: false
        }
    }

    /// What a journal keeps of it in which a safeguard is missing; `nil` for nothing.
    fileprivate func without(_ safeguards: Set<Safeguard>) -> JournalRecord? {
        switch self {
        case .crashMark where safeguards.contains(.crashMarks):
            return nil
        case .send(let intent) where intent.state == .sending && safeguards.contains(.sendJournal):
            return nil
        case .turn(var turn) where safeguards.contains(.sendJournal):
            for index in turn.intents.indices where turn.intents[index].state == .sending {
                turn.intents[index].state = .pending
                turn.intents[index].attempts = 0
            }
            return .turn(turn)
        case .turn, .send, .deadLetter, .crashMark:
            return self
        }
    }
}

/// A process's way to the leases, which are where the journal is.
struct SimulatedLeases: LeaseStore {
    let link: StoreLink

    private var world: World { self.link.world }
    var timeToLive: Duration? { self.world.store.timeToLive }

    func renew(_ member: Member) async throws(StoreError) -> ClusterView {
        let world = self.world
        return try await self.link.call("renew") {
            world.leases.expire()
            world.leases.renewed(member.id)
            return try await world.store.renew(member)
        }
    }

    func members() async throws(StoreError) -> [Member] {
        let world = self.world
        return try await self.link.call("members") {
            world.leases.expire()
            return try await world.store.members()
        }
    }

    func holder(of partition: Partition.ID) async throws(StoreError) -> LeaseHolder? {
        let world = self.world
        return try await self.link.call("holder") {
            world.leases.expire()
            return try await world.store.holder(of: partition)
        }
    }

    func claim(
        _ partitions: [Partition.ID], for member: Member.ID
    ) async throws(StoreError) -> [Partition.ID: Ownership] {
        let (world, party) = (self.world, self.link.party)
        return try await self.link.call("claim") {
            world.leases.expire()
            let ownerships = try await world.store.claim(partitions, for: member)
            world.leases.claimed(ownerships)
            world.note(
                party,
                "claims \(ownerships.sorted { $0.key < $1.key }.map { "\($0.key) epoch \($0.value.epoch.rawValue)\($0.value.followsCrash ? " after a crash" : "")" })"
            )
            return ownerships
        }
    }

    func release(_ fences: [Fence], of member: Member.ID) async throws(StoreError) {
        let (world, party) = (self.world, self.link.party)
        try await self.link.call("release") {
            world.note(party, "releases \(fences.map { "\($0.partition)" })")
            try await world.store.release(fences, of: member)
            world.oracle.released(fences)
        }
    }

    func leave(_ member: Member.ID) async throws(StoreError) {
        let world = self.world
        try await self.link.call("leave") { try await world.store.leave(member) }
    }
}
