/// The sentences, in one place.
extension Obstacle {
    /// - Parameter now: times on other days are told with their dates.
    public init(_ blocker: Blocker, at now: Timestamp) {
        let end = blocker.until
        let at = end.map { " at \($0.text(at: now))" } ?? ""
        let until = end.map { " until \($0.text(at: now))" } ?? ""
        switch blocker.cause {
        case .retry(let attempt, let limit, let failure):
            let reason = "\(failure.category.rawValue): \(failure.message)"
            self.init(.retry, "retries\(at) (attempt \(attempt) of \(limit)): \(reason)", until: end)
        case .slot(let ahead, let owner):
            let others = ahead == 0 ? "it is next" : ahead == 1 ? "1 turn is ahead of it" : "\(ahead) turns are ahead of it"
            self.init(.slot, "waits for a slot of \(owner): \(others)", until: end, ahead: ahead)
        case .breaker(let name):
            self.init(.breaker, "the circuit breaker \(name) is open; it looks again\(at)", until: end)
        case .budget(let name):
            self.init(.budget, "the budget \(name) is used up; it looks again\(at)", until: end)
        case .debounce:
            self.init(.debounce, "waits\(until) whether the contact has more to say", until: end)
        case .paused(let name):
            self.init(.paused, "\(name) is paused\(until.isEmpty ? " until somebody resumes it" : until)", until: end)
        case .held:
            self = .held
        case .gateway(let reason):
            self.init(.gateway, "its reply was not sent and is sent again\(at): \(reason)", until: end)
        case .doubt(let reason):
            self.init(.doubt, "its reply may have been sent; the gateway is asked\(at): \(reason)", until: end)
        case .pacing:
            self.init(.pacing, "its number sends no faster; its reply goes out\(at)", until: end)
        case .store(let reason):
            self.init(.store, "the log or the journal does not answer: \(reason)", until: end)
        }
    }

    /// By whom, the audit log knows; see ``held(_:at:)``.
    public static let held = Obstacle(.held, "is held by a dead letter until somebody releases it")

    /// - Parameter now: times on other days are told with their dates.
    public static func held(_ cause: HoldCause, at now: Timestamp) -> Obstacle {
        switch cause {
        case .deadLetter: return .held
        case .unknown: return Obstacle(.held, "is held until somebody releases it")
        case .person(let hold):
            let reason = hold.reason.map { ": \($0)" } ?? ""
            return Obstacle(
                .held, "is held by \(hold.by) since \(hold.since.text(at: now)) until somebody releases it\(reason)",
                hold: hold)
        }
    }

    public static let transfer = Obstacle(
        .transfer, "comes from another queue, where something of it is still to be finished")

    public static let backlog = Obstacle(
        .backlog, "has messages in the log that its owner has not read into memory yet: others come first")

    /// - Parameter owner: who hands it over; `nil` when that is not known.
    public static func ownerChanging(_ owner: Member.ID?) -> Obstacle {
        Obstacle(
            .ownerChanging,
            owner.map { "its partition is on its way: \($0) is taking it over or handing it over" }
                ?? "its partition is on its way to another process")
    }

    /// - Parameter isServed: whether a live process would take the queue's partitions.
    public static func noOwner(of queue: QueueID, isServed: Bool) -> Obstacle {
        Obstacle(
            .noOwner, isServed ? "nobody owns its partition yet; a process is about to" : "no live process serves \(queue)")
    }

    /// - Parameters:
    ///   - isServed: whether a live process would take the queue's partitions.
    ///   - time: within which it does.
    public static func ownerGone(
        _ owner: Member.ID, _ queue: QueueID, isServed: Bool, within time: Duration?, at now: Timestamp
    ) -> Obstacle {
        guard isServed else {
            return Obstacle(.ownerGone, "its owner, \(owner), is gone, and no live process serves \(queue)")
        }
        let limit = time.map { " within \($0.wholeSeconds) s" } ?? ""
        return Obstacle(
            .ownerGone, "its owner, \(owner), is gone; another process takes over\(limit)",
            until: time.map { now.advanced(by: $0) })
    }

    /// - Parameters:
    ///   - reason: why it could not be asked.
    ///   - time: until it counts as dead, unless it says otherwise; `nil` when that does not happen.
    public static func ownerUnreachable(
        _ owner: Member.ID, _ reason: String, deadWithin time: Duration?, at now: Timestamp
    ) -> Obstacle {
        let end = time.map { "; if it is gone, another process takes over within \($0.wholeSeconds) s" } ?? ""
        return Obstacle(
            .ownerUnreachable, "its owner, \(owner), cannot be asked: \(reason)\(end)", until: time.map { now.advanced(by: $0) }
        )
    }

    public static func unanswered(_ error: StoreError) -> Obstacle {
        Obstacle(Blocker(.store(error.message)), at: Timestamp(milliseconds: 0))
    }
}

extension Duration {
    /// Rounded up.
    fileprivate var wholeSeconds: Int64 { (self.milliseconds + 999) / 1_000 }
}

extension Timestamp {
    /// `14:03:22 UTC`, on other days than `now`'s `2026-11-22 14:03:22 UTC`.
    func text(at now: Timestamp) -> String {
        let time = DayTime(self)
        return time.day == CivilDay(of: now) ? "\(time.text) UTC" : "\(time.day) \(time.text) UTC"
    }
}
