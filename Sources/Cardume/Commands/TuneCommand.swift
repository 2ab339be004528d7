import ArgumentParser
import CardumeRuntime

struct TuneCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tune", abstract: "Shows and changes settings of running processes, all of them, within two seconds.",
        discussion: """
            Talks to one process of the deployment; changes are kept and journaled where the journal is, outlive restarts, and \
            stand above the environment and the configuration file until they are unset or expire.

            `financeiro.slots` is short for `assistants.financeiro.slots`, and so for channels; `concurrency` is another word \
            for `slots`. The token is admin.token (CARDUME_ADMIN_TOKEN). Changes are signed with $CARDUME_OPERATOR or $USER.
            """,
        subcommands: [List.self, Get.self, Set.self, Unset.self, History.self, Rollback.self],
        aliases: ["settings"])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists settings that can be changed and are not at their default.")

        @OptionGroup var admin: AdminOptions
        @Flag(help: "Those at their default, too, and those that need a restart.")
        var all = false

        func run() async throws {
            let path = self.all ? "settings?all=true" : "settings"
            try await self.admin.show("GET", path, as: SettingListBody.self) { $0.text(all: self.all) }
        }
    }

    struct Get: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows one setting.")

        @OptionGroup var admin: AdminOptions
        @Argument var path: String

        func run() async throws {
            try await self.admin.show(
                "GET", "settings/\(HTTPAddress.segment(self.path))", as: SettingBody.self, \.description)
        }
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Changes one setting.")

        @OptionGroup var admin: AdminOptions
        @Argument var path: String
        @Argument var value: String
        @Option(name: .customLong("for"), help: "For how long, such as 30m or 2h. Defaults to for ever.")
        var lifetime: String?
        @Option(help: "Why; kept in the history.") var reason: String?

        func run() async throws {
            try await AdminOutput.set(self.path, self.value, lifetime: self.lifetime, reason: self.reason, self.admin)
        }
    }

    struct Unset: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Takes a change away: the environment and the configuration file count again.")

        @OptionGroup var admin: AdminOptions
        @Argument var path: String
        @Option(help: "Why; kept in the history.") var reason: String?

        func run() async throws {
            try await AdminOutput.unset(self.path, reason: self.reason, self.admin)
        }
    }

    struct History: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists changes, latest first: who, when, what, old and new.")

        @OptionGroup var admin: AdminOptions
        @Argument(help: "One setting. Defaults to all.") var path: String?
        @Option(help: "How many, up to 1000.") var limit = 50
        @Option(help: "Only the change with this ID, with its values as they are.") var change: Int64?

        func run() async throws {
            if let change = self.change {
                return try await self.admin.show("GET", "settings/history/\(change)", as: ChangeBody.self, \.description)
            }
            let query = self.path.map { "&path=\(HTTPAddress.segment($0))" } ?? ""
            try await self.admin.show(
                "GET", "settings/history?limit=\(self.limit)\(query)", as: ChangesBody.self, \.table)
        }
    }

    struct Rollback: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes everything that is set what it was right after a change; 0 takes all changes away.")

        @OptionGroup var admin: AdminOptions
        @Argument(help: "The change's ID in the history.") var id: Int64

        func run() async throws {
            let body = RollbackRequest(to: self.id)
            try await self.admin.show("POST", "settings/rollback", body: body, as: ChangesBody.self) {
                $0.changes.isEmpty ? "nothing to do" : $0.table
            }
        }
    }
}
