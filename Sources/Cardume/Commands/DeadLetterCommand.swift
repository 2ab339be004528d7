import ArgumentParser
import CardumeRuntime

struct DeadLetterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dlq", abstract: "Dead letters: finds, explains, replays and deletes messages that were given up.",
        discussion: """
            Times are UTC, written 2026-11-21T14:03:22Z or as how long ago: 90m. A replay goes on by itself once it has begun, in \
            one of the processes; `cardume dlq replays` shows how far it is.
            """,
        subcommands: [
            List.self, Show.self, Stats.self, Analyze.self, Replay.self, Replays.self, Cancel.self, Purge.self,
        ])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists dead letters, the latest first.")

        @OptionGroup var admin: AdminOptions
        @OptionGroup var filter: DeadLetterOptions
        @Option(help: "How many, up to 500.") var limit = 50
        @Option(help: "Only those before this number: the next page.") var before: Int64?

        func run() async throws {
            let query = self.filter.query(["limit": String(self.limit), "before": self.before.map { String($0) }])
            try await self.admin.show("GET", "dead-letters\(query)", as: DeadLetterListBody.self, \.description)
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows one dead letter.")

        @OptionGroup var admin: AdminOptions
        @Argument(help: "Its number.") var id: Int64

        func run() async throws {
            try await self.admin.show("GET", "dead-letters/\(self.id)", as: DeadLetterBody.self, \.description)
        }
    }

    struct Stats: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Counts dead letters.")

        @OptionGroup var admin: AdminOptions
        @OptionGroup var filter: DeadLetterOptions

        func run() async throws {
            try await self.admin.show(
                "GET", "dead-letters/stats\(self.filter.query())", as: DeadLetterCountsBody.self, \.description)
        }
    }

    struct Analyze: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Says what dead letters have in common, and what to do about them.", aliases: ["analyse"])

        @OptionGroup var admin: AdminOptions
        @OptionGroup var filter: DeadLetterOptions
        @Option(help: "How many errors to show.") var limit = 10

        func run() async throws {
            let query = self.filter.query(["limit": String(self.limit)])
            try await self.admin.show(
                "GET", "dead-letters/analysis\(query)", as: DeadLetterAnalysisBody.self, \.description)
        }
    }

    struct Replay: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Puts dead letters back to their assistants, in order of each conversation.",
            discussion: """
                By numbers, or all that the filter means. What was answered already is not answered again: of those, only the lost \
                reply is sent.
                """)

        @OptionGroup var admin: AdminOptions
        @OptionGroup var filter: DeadLetterOptions
        @Argument(help: "Numbers of dead letters. None: those of the filter.") var ids: [Int64] = []
        @Flag(help: "All dead letters there are.") var all = false
        @Flag(help: "Only say what would happen.") var dryRun = false
        @Option(help: "Letters in a second, at most. Defaults to admin.replay_rate, which is also the most.") var rate: Double?
        @Flag(help: "One attempt for each, instead of all of its assistant's again.") var keepRetryCount = false
        @Flag(help: "Held conversations go on once all their letters are answered.") var release = false
        @Flag(help: "Also replies of which nobody knows whether they were sent: contacts may get them twice.")
        var resendInDoubt = false
        @Option(help: "Why; kept in the audit log.") var reason: String?

        func run() async throws {
            var body = ReplayRequest(filter: self.filter.body(ids: self.ids, all: self.all))
            (body.dry_run, body.rate, body.reason) = (self.dryRun, self.rate, self.reason)
            (body.reset_retry_count, body.release) = (!self.keepRetryCount, self.release)
            body.resend_in_doubt = self.resendInDoubt
            if self.dryRun {
                try await self.admin.show("POST", "replays", body: body, as: ForecastBody.self, \.description)
            } else {
                try await self.admin.show("POST", "replays", body: body, as: ReplayBody.self, \.beginning)
            }
        }
    }

    struct Replays: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows how far replays are.")

        @OptionGroup var admin: AdminOptions
        @Argument(help: "One of them. Defaults to the latest 20.") var id: Int64?

        func run() async throws {
            if let id = self.id {
                try await self.admin.show("GET", "replays/\(id)", as: ReplayBody.self) { ReplayBody.table([$0]) }
            } else {
                try await self.admin.show("GET", "replays", as: ReplayListBody.self) { ReplayBody.table($0.replays) }
            }
        }
    }

    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Stops a replay: nothing more goes back.")

        @OptionGroup var admin: AdminOptions
        @Argument(help: "Its number.") var id: Int64

        func run() async throws {
            try await self.admin.show("POST", "replays/\(self.id)/cancel", as: ReplayBody.self) { ReplayBody.table([$0]) }
        }
    }

    struct Purge: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Deletes dead letters for good.",
            discussion: """
                Without --count it only says how many there are; with it, it deletes them if there are so many still. Needs the \
                role admin. `--until 168h` means those older than a week.
                """)

        @OptionGroup var admin: AdminOptions
        @OptionGroup var filter: DeadLetterOptions
        @Argument(help: "Numbers of dead letters. None: those of the filter.") var ids: [Int64] = []
        @Flag(help: "All dead letters there are.") var all = false
        @Option(help: "How many you believe there are.") var count: Int?
        @Option(help: "Why; kept in the audit log.") var reason: String?

        func run() async throws {
            let body = PurgeRequest(
                filter: self.filter.body(ids: self.ids, all: self.all), count: self.count, reason: self.reason)
            try await self.admin.show("POST", "dead-letters/purge", body: body, as: PurgedBody.self) { answer in
                answer.purged
                    ? "deleted \(answer.count)"
                    : "there are \(answer.count); nothing was deleted: repeat with --count \(answer.count) to delete them"
            }
        }
    }
}

/// Which dead letters are meant.
struct DeadLetterOptions: ParsableArguments {
    @Option(help: "Of this assistant.") var assistant: String?
    @Option(help: "timeout, connection, rate_limit, auth, quota, validation, crash, refused, send_in_doubt or other.")
    var category: String?
    @Option(help: "Of this channel.") var channel: String?
    @Option(help: "Of this conversation, CHANNEL:CONTACT.") var conversation: String?
    @Option(help: "text, image, audio, video, document, …") var kind: String?
    @Option(help: "With this error, as `cardume dlq analyze` shows it.") var fingerprint: String?
    @Option(help: "Given up at this time or later.") var since: String?
    @Option(help: "Given up before this time.") var until: String?
    @Option(help: "With this number or a higher one.") var fromID: Int64?
    @Option(help: "With these words in the message or the error.") var text: String?

    /// - Parameter more: of the request, besides the filter.
    func query(_ more: [String: String?] = [:]) -> String {
        var values = more.compactMapValues(\.self)
        values["assistant"] = self.assistant
        values["category"] = self.category
        values["channel"] = self.channel
        values["conversation"] = self.conversation
        values["kind"] = self.kind
        values["fingerprint"] = self.fingerprint
        values["since"] = self.since
        values["until"] = self.until
        values["from_id"] = self.fromID.map { String($0) }
        values["text"] = self.text
        let pairs = values.sorted { $0.key < $1.key }.map { "\($0.key)=\(HTTPAddress.segment($0.value))" }
        return pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&")
    }

    func body(ids: [Int64], all: Bool) -> FilterBody {
        var body = FilterBody()
        (body.all, body.ids) = (all ? true : nil, ids.isEmpty ? nil : ids)
        (body.assistant, body.category, body.channel) = (self.assistant, self.category, self.channel)
        (body.conversation, body.kind, body.fingerprint) = (self.conversation, self.kind, self.fingerprint)
        (body.since, body.until, body.text, body.from_id) = (self.since, self.until, self.text, self.fromID)
        return body
    }
}
