import CardumeCore

/// Silent conversations: archived, or deleted.
extension UpkeepPass {
    /// Calls `body` with each conversation that is due and has nothing in the log.
    mutating func walk(
        silentFor silence: Duration, _ body: (inout Self, UpkeepStore.Seat) async throws -> Void
    ) async throws {
        guard let view = self.view else { throw StoreError(.unavailable, "what the log holds is not known") }
        let (since, remembered) = (self.time(silence), self.time(self.site.session))
        while true {
            let seats = try await self.store.page(after: self.walkedTo, silentSince: since, limit: Self.page)
            for seat in seats where seat.isDue {
                let isKnown = try await self.site.log.whereabouts(of: seat.conversation)?.hasUnsettled ?? false
                // The log forgets where a conversation is, but not what is unsettled.
                if isKnown || view.mayHoldSomething(of: seat.conversation, before: remembered) {
                    self.report.unsettled += 1
                } else {
                    try await body(&self, seat)
                }
            }
            guard seats.count == Self.page, let last = seats.last else { break }
            self.walkedTo = last.conversation.rawValue
            try await self.breathe()
        }
        self.walkedTo = ""
    }

    /// Without an archive: silent conversations as a whole, then old turns of the others.
    mutating func deleteConversations() async throws {
        guard let retention = self.settings.retention else { return }
        guard let view = self.view else { throw StoreError(.unavailable, "what the log holds is not known") }
        var rows = 0
        try await self.walk(silentFor: retention) { pass, seat in
            if pass.report.isDryRun { return pass.report.deleted[.conversations, default: 0] += 1 }
            guard case .removed(let removed) = try await pass.store.remove(seat, expecting: nil) else { return }
            pass.report.deleted.add(removed)
            rows += removed.rows
            if rows >= pass.settings.batch {
                rows = 0
                try await pass.breathe()
            }
        }
        let time = view.bounded(self.time(retention))
        if self.report.isDryRun {
            self.report.deleted[.turns, default: 0] += try await self.store.countTurns(before: time)
        } else {
            while true {
                let (turns, sends) = try await self.store.deleteTurns(before: time, limit: self.settings.batch)
                if turns > 0 { self.report.deleted[.turns, default: 0] += turns }
                if sends > 0 { self.report.deleted[.sends, default: 0] += sends }
                try await self.breathe()
                if turns < self.settings.batch { break }
            }
        }
        try await self.delete(.timers(before: self.time(retention), self.store.dialect))
    }

    /// Finishes what an earlier pass has begun, then goes on.
    mutating func archiveConversations() async throws {
        guard let archive = self.archive, let settings = self.settings.archive else {
            // Somebody wants none any more.
            if self.settings.refusesArchive, !self.report.isDryRun { try await self.store.set(archives: false) }
            return
        }
        guard archive.isUsable else {
            throw StoreError(.unavailable, "archive.folder \(archive.path) is no folder that can be written to")
        }
        if self.report.isDryRun {
            try await self.walk(silentFor: settings.after) { pass, _ in
                pass.report.archived[.conversations, default: 0] += 1
            }
            return
        }
        try await self.store.set(archives: true)
        try await archive.removeLeftovers(at: self.now)
        for file in try await self.store.unfinished(await archive.files()) { try await self.goOn(with: file, archive) }
        let result: Result<Void, any Error>
        do {
            try await self.walk(silentFor: settings.after) { pass, seat in
                let isFull = try await archive.append(try await pass.store.read(seat), at: pass.now)
                if isFull { try await pass.finishFile(archive) }
            }
            result = .success(())
        } catch End.timeIsOver {
            result = .failure(End.timeIsOver)
        } catch {
            await archive.abandon()
            throw error
        }
        // What has been written is finished, however late it is: it is bounded.
        try await self.finishFile(archive)
        try result.get()
    }

    private mutating func finishFile(_ archive: ArchiveFolder) async throws {
        let manifest = try await archive.finish(
            store: self.store.storeName, schema: self.store.schemaVersion, program: self.program, at: self.now)
        // Read back before anything is deleted.
        if let manifest { try await self.deleteArchived(try await archive.verify(manifest.file)) }
    }

    /// A file that an earlier pass has finished and not noted. Nothing is deleted for one that is damaged: its conversations
    /// are archived anew.
    private mutating func goOn(with file: String, _ archive: ArchiveFolder) async throws {
        do {
            let manifest = try await archive.manifest(of: file)
            // Another deployment's, or this one's before it moved.
            guard manifest.store == self.store.storeName else { return }
            try await self.deleteArchived(try await archive.verify(file))
        } catch let error as StoreError where error.code == .corrupt {
            self.report.failures["archive"] = error.message
        }
    }

    /// What a finished file holds, but for conversations that have changed since.
    private mutating func deleteArchived(_ manifest: ArchiveManifest) async throws {
        var rows = 0
        for entry in manifest.conversations {
            let seat = UpkeepStore.Seat(
                conversation: Conversation.ID(entry.conversation), latestAt: entry.latest_at.time, isDue: true)
            let removed: ArchiveCounts
            switch try await self.store.remove(seat, expecting: entry.counts) {
            case .removed(let counts): removed = counts
            case .gone: continue
            case .changed:
                self.report.awoken += 1
                continue
            }
            self.report.archived.add(removed)
            try self.fault(.partlyDeleted)
            rows += removed.rows
            guard rows >= self.settings.batch else { continue }
            rows = 0
            // Not the time, which ends passes: the file's end is near.
            try await self.store.renew(for: self.name)
            if self.settings.pause > .zero { try await self.sleep(self.settings.pause) }
        }
        try self.fault(.deleted)
        try await self.store.finished(manifest.file)
        self.report.files.append(manifest.file)
    }
}

extension ArchiveCounts {
    fileprivate var rows: Int { self.lines + self.turns + self.sends + self.timers }
}

extension [UpkeepKind: Int] {
    /// A whole conversation.
    fileprivate mutating func add(_ counts: ArchiveCounts) {
        self[.conversations, default: 0] += 1
        let kinds: [(UpkeepKind, Int)] = [
            (.lines, counts.lines), (.turns, counts.turns), (.sends, counts.sends), (.timers, counts.timers),
        ]
        for (kind, count) in kinds where count > 0 { self[kind, default: 0] += count }
    }
}
