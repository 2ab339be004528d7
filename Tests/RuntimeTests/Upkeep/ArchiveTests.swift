import CardumeCore
import CardumeTesting
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import CardumeRuntime

/// Conversations leave for files, whole, and come back as they were.
@Suite(.serialized, .timeLimit(.minutes(3))) struct ArchiveTests {
    /// Some that are due, some that are not, and one of each sort that must stay.
    private static func fill(_ bed: UpkeepBed) async throws -> (due: Set<String>, before: [String]) {
        var due: Set<String> = []
        for number in 0..<12 {
            let name = "loja:due\(number)"
            due.insert(name)
            for turn in 0..<3 {
                try await bed.turn(
                    "d\(number).\(turn)", in: name, daysAgo: Double(130 + number - turn),
                    sends: turn == 0 ? [.accepted, .refused] : [.parked])
            }
            if number % 3 == 0 { try await bed.closing(name, daysAgo: 120) }
        }
        try await bed.turn("r1", in: "loja:recent", daysAgo: 200)
        try await bed.turn("r2", in: "loja:recent", daysAgo: 89)
        try await bed.turn("h1", in: "loja:held", daysAgo: 150)
        try await bed.sql("INSERT INTO {holds} (conversation) VALUES ('loja:held')")
        try await bed.turn("l1", in: "loja:letter", daysAgo: 150)
        try await bed.bury("l2", in: "loja:letter", daysAgo: 29)
        try await bed.turn("o1", in: "loja:doubt", daysAgo: 150, sends: [.unknown])
        try await bed.turn("u1", in: "loja:unsettled", daysAgo: 150)
        try await bed.enqueue("u2", in: "loja:unsettled")
        try await bed.turn("n1", in: "loja:newest", daysAgo: 1)
        return (due, try await bed.dump())
    }

    @Test(arguments: UpkeepBed.Kind.allCases + [.pooled])
    func whatIsDueLeavesAndComesBackAsItWas(_ kind: UpkeepBed.Kind) async throws {
        let bed = try await UpkeepBed(kind)
        let (due, before) = try await Self.fill(bed)
        let trial = try await bed.pass(bed.archiving(), isDryRun: true)
        #expect(trial.archived == [.conversations: 12])
        #expect(trial.unsettled == 1)
        #expect(try await bed.dump() == before, "a dry run changes nothing")
        let report = try await bed.pass(bed.archiving())
        #expect(report.failures == [:])
        #expect(report.archived == [.conversations: 12, .lines: 84, .turns: 40, .sends: 48, .timers: 4])
        #expect((report.awoken, report.unsettled, report.files.count) == (0, 1, 1))
        #expect(report.deleted == [:], "what is not archived stays, however old it is")
        let left = try await bed.dump()
        #expect(left == before.filter { row in !due.contains { row.contains(": \($0)|") } })
        let archived = try await bed.archived()
        #expect(Set(archived.map(\.conversation)) == due)
        // Once more: nothing to do.
        #expect(try await bed.pass(bed.archiving()).archived == [:])
        // One comes back alone, then all; a second time changes nothing.
        let one = try #require(archived.first)
        #expect(try await bed.store.restore(one, for: UpkeepBed.day, isDryRun: true) == one.counts)
        #expect(try await bed.dump() == left)
        #expect(try await bed.store.restore(one, for: UpkeepBed.day, isDryRun: false) == one.counts)
        let rows = UpkeepBed.rows(of: one.conversation, in: before)
        #expect(!rows.isEmpty)
        #expect(UpkeepBed.rows(of: one.conversation, in: try await bed.dump()) == rows)
        for conversation in archived {
            _ = try await bed.store.restore(conversation, for: UpkeepBed.day, isDryRun: false)
            #expect(try await bed.store.restore(conversation, for: UpkeepBed.day, isDryRun: false) == ArchiveCounts())
        }
        #expect(try await bed.dump() == before)
        // They stay for their time, then leave again.
        #expect(try await bed.pass(bed.archiving()).archived == [:])
        try await bed.sql("UPDATE {archive_restores} SET kept_until = 0")
        #expect(try await bed.pass(bed.archiving()).archived[.conversations] == 12)
        #expect(try await bed.dump() == left)
    }

    /// Dies at every point in turn, and again in each pass after that.
    @Test(arguments: UpkeepBed.Kind.allCases) func aDeathAtAnyPointLosesNothing(_ kind: UpkeepBed.Kind) async throws {
        for point in ArchivePoint.allCases {
            let bed = try await UpkeepBed(kind)
            let (due, before) = try await Self.fill(bed)
            let settings = try bed.archiving { $0.batch = 1 }
            let deaths = Mutex(0)
            await #expect(throws: CancellationError.self, "\(point)") {
                _ = try await bed.pass(settings) { reached in
                    guard reached == point else { return }
                    // Not the first conversation, where there are several.
                    let count = deaths.withLock { count in
                        count += 1
                        return count
                    }
                    if point != .partlyDeleted || count == 5 { throw CancellationError() }
                }
            }
            // Each is in the database, whole, or in a finished file, whole.
            let dump = try await bed.dump()
            let safe = Set(try await bed.archived().map(\.conversation))
            for name in due {
                let rows = UpkeepBed.rows(of: name, in: dump)
                let isThere = rows == UpkeepBed.rows(of: name, in: before)
                #expect(isThere || rows.isEmpty && safe.contains(name), "\(name) after \(point)")
            }
            try await bed.store.leave("test")
            let report = try await bed.pass(settings, name: "next")
            #expect(report.failures == [:], "\(point)")
            #expect(report.awoken == 0, "\(point)")
            let left = try await bed.dump()
            #expect(left == before.filter { row in !due.contains { row.contains(": \($0)|") } }, "\(point)")
            let archived = try await bed.archived()
            #expect(archived.count == due.count, "each once, after \(point)")
            for conversation in archived {
                _ = try await bed.store.restore(conversation, for: UpkeepBed.day, isDryRun: false)
            }
            #expect(try await bed.dump() == before, "\(point)")
        }
    }

    @Test(arguments: UpkeepBed.Kind.allCases) func whoWakesUpStays(_ kind: UpkeepBed.Kind) async throws {
        let bed = try await UpkeepBed(kind)
        let (due, _) = try await Self.fill(bed)
        await #expect(throws: CancellationError.self) {
            _ = try await bed.pass(bed.archiving()) { if $0 == .manifestNamed { throw CancellationError() } }
        }
        // Between the file and the deletion: one writes, one is held, one gets a dead letter, one a reply in doubt.
        try await bed.turn("awake", in: "loja:due0", daysAgo: 0)
        try await bed.sql("INSERT INTO {holds} (conversation) VALUES ('loja:due1')")
        try await bed.bury("awake", in: "loja:due2", daysAgo: 0)
        try await bed.sql("UPDATE {sends} SET state = 'unknown' WHERE conversation = 'loja:due3'")
        // And one has a line more, which nothing else tells.
        try await bed.sql(
            """
            INSERT INTO {messages} (id, conversation, role, text, at) SELECT -1, conversation, role, text, at
            FROM {messages} WHERE conversation = 'loja:due4' ORDER BY id LIMIT 1
            """)
        let awake = Set((0..<5).map { "loja:due\($0)" })
        let before = try await bed.dump()
        try await bed.store.leave("test")
        let report = try await bed.pass(bed.archiving())
        #expect(report.awoken == 5)
        #expect(report.archived[.conversations] == due.count - 5 + 1, "the one with another line is archived anew")
        let left = try await bed.dump()
        for name in awake.subtracting(["loja:due4"]) {
            #expect(UpkeepBed.rows(of: name, in: left) == UpkeepBed.rows(of: name, in: before), "\(name)")
        }
        for name in due.subtracting(awake) { #expect(UpkeepBed.rows(of: name, in: left) == [], "\(name)") }
        // The old file's state of one that went on does not overwrite anything.
        let archived = try await bed.archived().first { $0.conversation == "loja:due0" }
        #expect(try await bed.store.restore(#require(archived), for: UpkeepBed.day, isDryRun: false) == ArchiveCounts())
        #expect(UpkeepBed.rows(of: "loja:due0", in: try await bed.dump()) == UpkeepBed.rows(of: "loja:due0", in: before))
    }

    /// Contacts write while their conversations are being archived: whoever comes first, nothing is in between.
    @Test(arguments: UpkeepBed.Kind.allCases) func whoWritesMeanwhileLosesNothing(_ kind: UpkeepBed.Kind) async throws {
        let bed = try await UpkeepBed(kind)
        let names = (0..<60).map { "loja:\($0)" }
        for name in names {
            for turn in 0..<3 { try await bed.turn("old\(turn)", in: name, daysAgo: Double(100 - turn)) }
        }
        try await bed.turn("n", in: "loja:newest", daysAgo: 1)
        let settings = try bed.archiving { $0.batch = 1 }
        let before = try await bed.dump()
        let report = try await withThrowingTaskGroup(of: UpkeepReport?.self) { group in
            group.addTask { try await bed.pass(settings) }
            for name in names.reversed() {
                group.addTask {
                    try await bed.turn("new", in: name, daysAgo: 0)
                    return nil
                }
            }
            return try await group.reduce(into: UpkeepReport()) { report, next in report = next ?? report }
        }
        #expect(report.failures == [:])
        let archived = Set(try await bed.archived().map(\.conversation))
        let dump = try await bed.dump()
        var left = 0
        for name in names {
            let rows = UpkeepBed.rows(of: name, in: dump).filter { !$0.hasPrefix("conversations") }
            let old = UpkeepBed.rows(of: name, in: before).filter { !$0.hasPrefix("conversations") }
            #expect(rows.count { $0.hasPrefix("turns: \(name)|new") } == 1)
            let isWhole = Set(old).isSubset(of: Set(rows))
            // What its latest turns weighed is written anew with each.
            let isGone = Set(old).intersection(Set(rows)).allSatisfy { $0.hasPrefix("lane_histories") }
            #expect(isWhole != isGone && (isWhole || archived.contains(name)), "\(name)")
            left += isGone ? 1 : 0
        }
        #expect(report.archived[.conversations] ?? 0 == left)
    }

    /// A conversation that goes on after it was archived gets its past back, and keeps its present.
    @Test(arguments: UpkeepBed.Kind.allCases) func thePastComesBackToOneThatGoesOn(_ kind: UpkeepBed.Kind) async throws {
        let bed = try await UpkeepBed(kind)
        let (_, before) = try await Self.fill(bed)
        _ = try await bed.pass(bed.archiving())
        try await bed.turn("again", in: "loja:due0", daysAgo: 0)
        let archived = try #require(try await bed.archived().first { $0.conversation == "loja:due0" })
        #expect(try await bed.store.restore(archived, for: UpkeepBed.day, isDryRun: false) == archived.counts)
        let rows = UpkeepBed.rows(of: "loja:due0", in: try await bed.dump())
        let old = UpkeepBed.rows(of: "loja:due0", in: before).filter { !$0.hasPrefix("conversations") }
        #expect(Set(old).isSubset(of: Set(rows)))
        // A turn, a line of the contact and one of the assistant, a send.
        #expect(rows.filter { !$0.hasPrefix("conversations") }.count == old.count + 4)
        if kind == .postgres {
            #expect(try await bed.count("conversations", "conversation = 'loja:due0' AND turns = 5") == 1)
            #expect(try await bed.count("conversations", "conversation = 'loja:due0' AND latest_at > first_at") == 1)
        }
    }

    @Test func filesAreAsDocumented() async throws {
        let bed = try await UpkeepBed(.sqlite)
        _ = try await Self.fill(bed)
        let file = try #require(try await bed.pass(bed.archiving()).files.first)
        let path = "\(bed.archive.path)/\(file)"
        let zcat = Process()
        let output = Pipe()
        zcat.executableURL = URL(filePath: "/usr/bin/zcat")
        zcat.arguments = [path]
        zcat.standardOutput = output
        try zcat.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        zcat.waitUntilExit()
        #expect(zcat.terminationStatus == 0)
        let lines = text.split(separator: "\n")
        #expect(lines.count == 12)
        let first = try #require(
            try JSONSerialization.jsonObject(with: Data(lines[0].utf8)) as? [String: Any])
        #expect(first["conversation"] as? String == "loja:due0")
        #expect((first["lines"] as? [[String: Any]])?.first?["text"] as? String == "pergunta \0 d0.0")
        for name in [file, file + ".manifest.json"] {
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(bed.archive.path)/\(name)")
            #expect(attributes[.posixPermissions] as? Int == 0o600)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: bed.archive.path).count == 2, "nothing is left over")
    }

    @Test func damageIsFound() async throws {
        let bed = try await UpkeepBed(.sqlite)
        _ = try await Self.fill(bed)
        let file = try #require(try await bed.pass(bed.archiving()).files.first)
        let folder = ArchiveFolder(bed.archive.path)
        #expect(try await folder.verify(file).conversations.count == 12)
        let url = URL(filePath: "\(bed.archive.path)/\(file)")
        let whole = try Data(contentsOf: url)
        for change in [whole.dropLast(), whole + [0], whole.prefix(100)] {
            try Data(change).write(to: url)
            await #expect(throws: StoreError.self) { _ = try await folder.verify(file) }
        }
        for position in stride(from: 12, to: whole.count, by: 97) {
            var changed = whole
            changed[position] ^= 0x40
            try changed.write(to: url)
            await #expect(throws: StoreError.self, "\(position)") { _ = try await folder.verify(file) }
        }
        try whole.write(to: url)
        // A file that is well, with a manifest of fewer conversations.
        let manifest = URL(filePath: "\(bed.archive.path)/\(file).manifest.json")
        let text = try String(contentsOf: manifest, encoding: .utf8)
        try text.replacing("loja:due3", with: "loja:due9").write(to: manifest, atomically: true, encoding: .utf8)
        await #expect(throws: StoreError.self) { _ = try await folder.verify(file) }
        try text.replacing("\"version\" : 1", with: "\"version\" : 2").write(to: manifest, atomically: true, encoding: .utf8)
        await #expect(throws: StoreError.self) { _ = try await folder.manifest(of: file) }
    }

    /// A pass died between a file and the deletion, and the file is damaged when the next one finds it.
    @Test func nothingIsDeletedForADamagedFile() async throws {
        for damage in ["changed", "missing"] {
            let bed = try await UpkeepBed(.sqlite)
            let (due, before) = try await Self.fill(bed)
            await #expect(throws: CancellationError.self) {
                _ = try await bed.pass(bed.archiving()) { if $0 == .manifestNamed { throw CancellationError() } }
            }
            let file = try #require(try await ArchiveFolder(bed.archive.path).files().first)
            let url = URL(filePath: "\(bed.archive.path)/\(file)")
            if damage == "missing" { try FileManager.default.removeItem(at: url) } else { try Data("x".utf8).write(to: url) }
            try await bed.store.leave("test")
            let report = try await bed.pass(bed.archiving())
            #expect(report.failures.keys.sorted() == ["archive"])
            // They are in another file.
            #expect(report.archived[.conversations] == due.count && report.files.count == 1 && report.files != [file])
            let folder = ArchiveFolder(bed.archive.path)
            for conversation in try await folder.contents(of: report.files[0], only: nil).conversations {
                _ = try await bed.store.restore(conversation, for: UpkeepBed.day, isDryRun: false)
            }
            #expect(try await bed.dump() == before)
        }
    }

    @Test func leftoversGoWhenTheyAreOld() async throws {
        let bed = try await UpkeepBed(.sqlite)
        let names = ["conversations-x.jsonl.gz", "conversations-y.jsonl.gz.tmp", "conversations-z.jsonl.gz.manifest.json.tmp"]
        for name in names + ["other.tmp"] { try Data("x".utf8).write(to: URL(filePath: "\(bed.archive.path)/\(name)")) }
        _ = try await bed.pass(bed.archiving())
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: bed.archive.path).count == 4, "somebody may be writing them")
        for name in names {
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSinceNow: -90_000)], ofItemAtPath: "\(bed.archive.path)/\(name)")
        }
        _ = try await bed.pass(bed.archiving())
        #expect(try FileManager.default.contentsOfDirectory(atPath: bed.archive.path) == ["other.tmp"])
    }

    @Test func aProcessWithoutTheFolderDeletesNothing() async throws {
        let bed = try await UpkeepBed(.postgres)
        _ = try await bed.pass(bed.archiving())
        let (_, before) = try await Self.fill(bed)
        let without = try await bed.pass(bed.settings())
        #expect(without.deleted == [:] && without.notes.count == 1)
        #expect(try await bed.dump() == before)
        let missing = try await bed.pass(
            bed.settings { $0.archive = UpkeepSettings.Archive(folder: "/nonexistent", after: UpkeepBed.day) })
        #expect(missing.failures.keys.sorted() == ["archive"])
        #expect(try await bed.dump() == before)
        // Somebody says that none is wanted.
        let deleting = try await bed.pass(bed.settings { $0.refusesArchive = true })
        #expect(deleting.deleted[.conversations] == 12)
        #expect(try await bed.store.state().archives == false)
    }
}
