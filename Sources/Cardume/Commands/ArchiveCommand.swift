import ArgumentParser
import CardumeCore
import CardumeRuntime
import Foundation

struct ArchiveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "archive", abstract: "Lists, checks and brings back archived conversations.",
        discussion: """
            The folder is archive.folder of the configuration. docs/data-upkeep.md describes the files: `zcat FILE | jq` reads them.
            """,
        subcommands: [List.self, Verify.self, Restore.self])

    /// Where the archive is.
    struct FolderOptions: ParsableArguments {
        @OptionGroup var configuration: ConfigurationOptions
        @Option(help: "Another folder than archive.folder.") var folder: String?

        func open() throws -> ArchiveFolder {
            guard let path = try self.folder ?? self.configuration.load().archiveFolder else {
                throw CommandFailure("there is no archive: set archive.folder, or name one with --folder")
            }
            return ArchiveFolder(path)
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists archive files, oldest first.")

        @OptionGroup var archive: FolderOptions
        @Option(help: "Only files with this conversation, CHANNEL:CONTACT.") var conversation: String?

        func run() async throws {
            try await ArchiveCommand.failing {
                let folder = try self.archive.open()
                var rows: [[String]] = []
                for file in try await folder.files() {
                    let manifest = try await folder.manifest(of: file)
                    let matches = manifest.conversations.contains { $0.conversation == self.conversation }
                    guard self.conversation == nil || matches else { continue }
                    rows.append([
                        file, String(manifest.conversations.count), String(manifest.counts.lines), String(manifest.bytes),
                        manifest.first_at.time.day, manifest.latest_at.time.day,
                    ])
                }
                print(
                    rows.isEmpty
                        ? "no archive files" : Table.text(["FILE", "CONVERSATIONS", "LINES", "BYTES", "FROM", "TO"], rows))
            }
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Reads files whole and holds them against their manifests. Exit status 1 when one is damaged.")

        @OptionGroup var archive: FolderOptions
        @Argument(help: "Files. Defaults to all.") var files: [String] = []

        func run() async throws {
            let folder = try self.archive.open()
            var damaged = 0
            let files = self.files.isEmpty ? try await folder.files() : self.files
            for file in files {
                do {
                    let manifest = try await folder.verify(file)
                    print("\(file): \(manifest.conversations.count) conversations, well")
                } catch {
                    damaged += 1
                    print("\(file): DAMAGED: \(error)")
                }
            }
            print("\(files.count) files, \(damaged) damaged")
            if damaged > 0 { throw ExitCode.failure }
        }
    }

    struct Restore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Brings conversations back into the database.",
            discussion: """
                Rows that are there are left as they are, so that it may be repeated, and nothing newer is overwritten. What comes \
                back stays for --keep, then it is archived again. Written into the audit log. The deployment may run; one without \
                a database must not.
                """)

        @OptionGroup var archive: FolderOptions
        @Option(help: "Only this conversation, CHANNEL:CONTACT; of the latest file that has it, unless files are named.")
        var conversation: String?
        @Option(help: "For how many days it stays.") var keep = 30
        @Flag(help: "Count what is missing, and change nothing.") var dryRun = false
        @Argument(help: "Files, by their names.") var files: [String] = []

        func validate() throws {
            guard self.conversation != nil || !self.files.isEmpty else {
                throw ValidationError("name a file, or a conversation with --conversation")
            }
            guard (1...3_650).contains(self.keep) else { throw ValidationError("--keep must be 1 to 3650") }
        }

        func run() async throws {
            try await ArchiveCommand.failing {
                let folder = try self.archive.open()
                let files = self.files.isEmpty ? try await self.latest(folder) : self.files
                try await UpkeepVisit.run(self.archive.configuration) { visit in
                    for file in files { try await self.restore(file, from: folder, visit) }
                }
            }
        }

        private func latest(_ folder: ArchiveFolder) async throws -> [String] {
            for file in try await folder.files().reversed() {
                let manifest = try await folder.manifest(of: file)
                if manifest.conversations.contains(where: { $0.conversation == self.conversation }) { return [file] }
            }
            throw CommandFailure("no archive file has the conversation \(self.conversation ?? "")")
        }

        private func restore(_ file: String, from folder: ArchiveFolder, _ visit: UpkeepVisit) async throws {
            let (manifest, conversations) = try await folder.contents(of: file, only: self.conversation)
            let store = UpkeepStore(visit.site.database)
            guard manifest.store == store.storeName else {
                throw CommandFailure("\(file) was written from \(manifest.store); it cannot go into \(store.storeName)")
            }
            guard !conversations.isEmpty else { throw CommandFailure("\(file) does not have \(self.conversation ?? "")") }
            let audit = AuditStore(visit.site.database)
            let line: Int64? = try await self.dryRun ? nil : audit.begin(self.entry(file, visit))
            var counts = ArchiveCounts()
            for conversation in conversations {
                counts += try await store.restore(conversation, for: .seconds(self.keep * 86_400), isDryRun: self.dryRun)
            }
            let summary =
                "\(conversations.count) conversations: \(counts.lines) lines, \(counts.turns) turns, \(counts.sends) sends, "
                + "\(counts.timers) timers"
            if let line { try await audit.end(line, status: 200, detail: "\(file): \(summary)") }
            print("\(file): \(summary) \(self.dryRun ? "are missing" : "restored")")
        }

        private func entry(_ file: String, _ visit: UpkeepVisit) -> AuditEntry {
            AuditEntry(
                who: visit.name, role: AdminRole.admin.rawValue, address: "command line", action: "archive.restore",
                target: self.conversation ?? file, detail: file, traceID: "")
        }
    }

    fileprivate static func failing(_ body: () async throws -> Void) async throws {
        do { try await body() } catch let error as StoreError { throw CommandFailure(error.message) }
    }
}

extension CardumeConfiguration {
    /// Whatever `archive.after` says: what is there may be read.
    fileprivate var archiveFolder: String? {
        self.values.all.first { $0.path == ["archive", "folder"] }.flatMap { $0.text.isEmpty ? nil : $0.text }
    }
}

extension Timestamp {
    fileprivate var day: String { CivilDay(of: self).description }
}
