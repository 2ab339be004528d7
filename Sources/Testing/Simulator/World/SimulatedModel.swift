import CardumeCore

/// A process's way to the model.
struct SimulatedModel: LanguageModel {
    private enum Answer: Sendable {
        case response(ModelResponse)
        case failure(TurnFailure)
        case cancelled
    }

    let world: World
    let party: Party
    let clock: SimulatedClock

    func complete(_ request: ModelRequest) async throws -> ModelResponse {
        let messages = request.messages.suffix(request.newMessages).map(Self.messageID)
        let answer: Answer = await self.party.wait(ifGone: .cancelled, ifCancelled: .cancelled) { promise in
            self.answer(request, messages, promise)
        }
        switch answer {
        case .response(let response): return response
        case .failure(let failure): throw failure
        case .cancelled: throw CancellationError()
        }
    }

    /// Messages say nothing but their ids, behind what stands for content that cannot be shown.
    private static func messageID(_ message: ContextMessage) -> MessageID {
        MessageID(message.text.split(separator: " ").last.map(String.init) ?? "")
    }

    private func answer(_ request: ModelRequest, _ messages: [MessageID], _ promise: Promise<Answer>) {
        let (world, loop) = (self.world, self.world.loop)
        let arrivals = messages.compactMap { id in world.plan.arrivals.first { $0.id == id } }
        world.note(self.party, "asks the model about \(messages)")
        if let poison = arrivals.first(where: \.isPoison) {
            return loop.after(world.random.duration(.milliseconds(1) ... .milliseconds(300))) {
                // Its process may have died of something else, or given the turn up.
                guard !promise.isKept, let pod = world.pod(of: self.party) else { return }
                world.note(self.party, "dies of \(poison.id)")
                world.oracle.killed(poison.id)
                pod.kill(restartAfter: .milliseconds(500))
            }
        }
        var time = world.random.duration(.milliseconds(20) ... .milliseconds(900))
        let patience = max(.milliseconds(10), (request.deadline ?? self.clock.uptime + .seconds(8)) - self.clock.uptime)
        var answer = Answer.response(self.response(to: request, messages, arrivals))
        switch self.trouble() {
        case nil: break
        case .rateLimit:
            answer = .failure(
                TurnFailure(
                    category: .rateLimit, message: "429", isRetryable: true,
                    retryAfter: world.random.chance(0.5) ? .seconds(1) : nil))
        case .outage: answer = .failure(TurnFailure(category: .connection, message: "refused", isRetryable: true))
        case .invalid: answer = .failure(TurnFailure(category: .validation, message: "400", isRetryable: false))
        case .late: time += world.random.duration(.zero ... .seconds(5))
        case .hang: time = patience + .seconds(1)
        }
        if time > patience {
            time = patience
            world.oracle.reached(.modelTimedOut)
            answer = .failure(TurnFailure(category: .timeout, message: "timed out", isRetryable: true))
        }
        loop.after(time) { [answer] in promise.keep(answer) }
    }

    private func trouble() -> Fault.ModelTrouble? {
        for fault in self.world.faults {
            if case .model(let trouble, let share) = fault.effect, self.world.random.chance(share) { return trouble }
        }
        return nil
    }

    private func response(
        to request: ModelRequest, _ messages: [MessageID], _ arrivals: [SimulationPlan.Arrival]
    ) -> ModelResponse {
        func says(_ words: Int) -> ModelResponse { ModelResponse(text: AnswerText.text(for: messages, words: words)) }
        func gives(to assistant: AssistantID, _ response: ModelResponse) -> ModelResponse {
            guard request.transfers.contains(where: { $0.assistant == assistant }) else { return says(1) }
            var response = response
            response.transfer = assistant
            return response
        }
        return switch arrivals.first?.manner {
        case nil, .answer: says(1)
        case .long: says(3)
        case .silence: ModelResponse(text: "")
        case .pass(let assistant): gives(to: assistant, ModelResponse(text: ""))
        case .farewell(let assistant): gives(to: assistant, says(1))
        }
    }
}

/// Tells the oracle of turns as they run.
struct WatchedHandler: TurnHandler {
    let handler: any TurnHandler
    let oracle: Oracle
    let party: Party

    func respond(to turn: Turn) async throws -> TurnResult {
        guard !self.party.isGone else { throw CancellationError() }
        self.oracle.turnBegins(turn, at: self.party)
        defer { self.oracle.turnEnds(turn, at: self.party) }
        return try await self.handler.respond(to: turn)
    }
}
