import CardumeCore

/// What goes by its age: dead letters, lines, records.
extension UpkeepPass {
    mutating func delete(_ rows: AgedRows) async throws {
        if self.report.isDryRun { return self.report.deleted[rows.kind, default: 0] += try await self.store.count(rows) }
        while true {
            let count = try await self.store.delete(rows, limit: self.settings.batch)
            if count > 0 { self.report.deleted[rows.kind, default: 0] += count }
            try await self.breathe()
            if count < self.settings.batch { return }
        }
    }

    mutating func expireDeadLetters() async throws {
        guard let age = self.settings.deadLetters else { return }
        guard let view = self.view else { throw StoreError(.unavailable, "what the log holds is not known") }
        let time = self.time(age)
        let before = self.report.deleted[.deadLetters] ?? 0
        // What is deleted is written down also when the time is over in the middle.
        let result: Result<Void, any Error>
        do {
            try await self.delete(.deadLetters(before: view.bounded(time)))
            result = .success(())
        } catch {
            result = .failure(error)
        }
        let count = (self.report.deleted[.deadLetters] ?? 0) - before
        if count > 0, !self.report.isDryRun {
            _ = try await AuditStore(self.site.database).begin(
                AuditEntry(
                    who: "upkeep", role: "", address: self.name, action: "dead_letters.expire", target: "",
                    detail: "\(count) given up before \(time.text)", traceID: "", status: 200))
        }
        try result.get()
    }

    mutating func deleteRecords() async throws {
        let dialect = self.store.dialect
        if let age = self.settings.rejectedWebhooks { try await self.delete(.rejectedWebhooks(before: self.time(age))) }
        if let age = self.settings.replays {
            try await self.delete(.replays(before: self.time(age)))
            try await self.delete(.replayItems())
        }
        if let age = self.settings.audit { try await self.delete(.audit(before: self.time(age))) }
        if let age = self.settings.usage { try await self.delete(.usage(before: CivilDay(of: self.time(age)), dialect)) }
        if let age = self.settings.settingChanges { try await self.delete(.settingChanges(before: self.time(age))) }
        try await self.delete(.restores(before: self.now))
    }

    // MARK: Lines

    mutating func makePartitions() async throws {
        guard let partitions = self.site.partitions, !self.report.isDryRun else { return }
        self.report.partitionsCreated = try await partitions.createWeeks()
    }

    /// With an archive, only partitions that it has emptied go.
    mutating func dropLines() async throws {
        guard let retention = self.settings.retention else { return }
        let (dialect, time) = (self.store.dialect, self.time(retention))
        let isArchiving = self.settings.archive != nil
        guard let partitions = self.site.partitions else {
            if !isArchiving { try await self.delete(.lines(of: "messages", before: time, dialect)) }
            return
        }
        if self.report.isDryRun {
            self.report.partitionsDropped = isArchiving ? [] : try await partitions.weeks(after: retention)
            return
        }
        self.report.partitionsDropped = try await partitions.dropWeeks(after: retention, isArchiving: isArchiving)
        guard !isArchiving else { return }
        for table in try await partitions.weeks(after: retention) + ["messages_default"] {
            try await self.delete(.lines(of: table, before: time, dialect))
        }
    }
}
