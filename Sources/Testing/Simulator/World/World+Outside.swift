import CardumeCore

/// Contacts, webhooks and operators.
extension World {
    private func link(to store: Fault.Store) -> StoreLink { StoreLink(world: self, party: self.outside, store: store) }
    private var outsideLog: SimulatedLog { SimulatedLog(link: self.link(to: .log)) }
    private var outsideJournal: SimulatedJournal { SimulatedJournal(link: self.link(to: .journal)) }

    // MARK: Webhooks

    func post(_ arrival: SimulationPlan.Arrival) {
        self.deliver(arrival)
        for delay in arrival.repeats { self.loop.after(delay) { self.deliver(arrival) } }
    }

    /// A gateway repeats its webhook until it is acknowledged.
    private func deliver(_ arrival: SimulationPlan.Arrival) {
        self.unacknowledged += 1
        let conversation = SimulationPlan.conversation(arrival.conversation)
        let append = LogAppend(
            message: InboundMessage(
                id: arrival.id, conversation: conversation, kind: arrival.kind, text: arrival.id.rawValue,
                receivedAt: self.outsideClock.wallTime, replyAddress: conversation.contact.rawValue, traceID: ""),
            route: Route(assistant: self.plan.assistants[0].id))
        self.outside.begin {
            while !self.outside.isGone {
                if (try? await self.outsideLog.append([append])) != nil {
                    self.oracle.acknowledged.append(arrival.id)
                    break
                }
                try? await self.outsideClock.sleep(for: .milliseconds(500))
            }
            self.unacknowledged -= 1
        }
    }

    // MARK: Operators

    /// Operators repeat what has failed.
    func operate(_ operation: @escaping @Sendable () async throws -> Void) {
        self.outside.begin {
            while !self.outside.isGone {
                if (try? await operation()) != nil { return }
                try? await self.outsideClock.sleep(for: .milliseconds(500))
            }
        }
    }

    func transfer(_ number: Int, to assistant: AssistantID) async throws {
        let conversation = SimulationPlan.conversation(number)
        let transfer = LogTransfer(of: conversation, to: QueueID(assistant), at: self.outsideClock.wallTime)
        let outcome = try await self.outsideLog.transfer(transfer)
        self.note(self.outside, "gives \(conversation) to \(assistant): \(outcome)")
        guard case .draining = outcome else { return }
        self.oracle.reached(.transferredByOperator)
        if self.oracle.isRunning(conversation) { self.oracle.reached(.movedWhileRunning) }
    }

    func hold(_ number: Int) async throws {
        let conversation = SimulationPlan.conversation(number)
        self.store.hold(conversation)
        try await self.outsideLog.announce(.park, of: conversation, to: self.plan.queues)
    }

    func release(_ conversation: Conversation.ID) async throws {
        try await self.outsideJournal.lift(holdOn: conversation)
        try await self.outsideLog.announceLift(of: conversation, to: self.plan.queues)
        self.note(self.outside, "releases \(conversation)")
    }

    /// When nothing goes wrong any more, somebody looks after what is held.
    func releaseAll() {
        for conversation in self.store.heldConversations { self.operate { try await self.release(conversation) } }
        self.loop.after(.seconds(3)) { self.releaseAll() }
    }
}
