import ArgumentParser

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
            try await self.admin.show("GET", "dead-letters\(query)", as: DeadLetterPage.self, \.description)
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows one dead letter.")

        @OptionGroup var admin: AdminOptions
        @Argument(help: "Its number.") var id: Int64

        func run() async throws {
            try await self.admin.show("GET", "dead-letters/\(self.id)", as: DeadLetterAnswer.self, \.description)
        }
    }

    struct Stats: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Counts dead letters.")

        @OptionGroup var admin: AdminOptions
        @OptionGroup var filter: DeadLetterOptions

        func run() async throws {
            try await self.admin.show(
                "GET", "dead-letters/stats\(self.filter.query())", as: DeadLetterCounts.self, \.description)
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
                "GET", "dead-letters/analysis\(query)", as: DeadLetterAnalysisAnswer.self, \.description)
        }
    }

    struct Replay: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Puts dead letters back to their assistants, in order of each conversation.",
            discussion: """
                By numbers, or all that the filter means. What was answered already is not answered again: of those, only the lost \
                reply is sent.
                """)

        private struct Wanted: Encodable {
            let filter: DeadLetterOptions.Body
            let dry_run: Bool
            let rate: Double?
            let reset_retry_count: Bool
            let release: Bool
            let resend_in_doubt: Bool
            let reason: String?
        }

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
            let body = Wanted(
                filter: self.filter.body(ids: self.ids, all: self.all), dry_run: self.dryRun, rate: self.rate,
                reset_retry_count: !self.keepRetryCount, release: self.release, resend_in_doubt: self.resendInDoubt,
                reason: self.reason)
            if self.dryRun {
                try await self.admin.show("POST", "replays", body: body, as: ReplayForecastAnswer.self, \.description)
            } else {
                try await self.admin.show("POST", "replays", body: body, as: ReplayAnswer.self) {
                    "replay \($0.id): \($0.total) letters at \($0.rate)/s; cardume dlq replays \($0.id) shows how far it is"
                }
            }
        }
    }

    struct Replays: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows how far replays are.")

        private struct Answer: Decodable {
            let replays: [ReplayAnswer]
        }

        @OptionGroup var admin: AdminOptions
        @Argument(help: "One of them. Defaults to the latest 20.") var id: Int64?

        func run() async throws {
            if let id = self.id {
                try await self.admin.show("GET", "replays/\(id)", as: ReplayAnswer.self) { ReplayAnswer.table([$0]) }
            } else {
                try await self.admin.show("GET", "replays", as: Answer.self) { ReplayAnswer.table($0.replays) }
            }
        }
    }

    struct Cancel: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Stops a replay: nothing more goes back.")

        @OptionGroup var admin: AdminOptions
        @Argument(help: "Its number.") var id: Int64

        func run() async throws {
            try await self.admin.show("POST", "replays/\(self.id)/cancel", as: ReplayAnswer.self) { ReplayAnswer.table([$0]) }
        }
    }

    struct Purge: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Deletes dead letters for good.",
            discussion: """
                Without --count it only says how many there are; with it, it deletes them if there are so many still. Needs the \
                role admin. `--until 168h` means those older than a week.
                """)

        private struct Wanted: Encodable {
            let filter: DeadLetterOptions.Body
            let count: Int?
            let reason: String?
        }

        private struct Answer: Decodable {
            let count: Int
            let purged: Bool
        }

        @OptionGroup var admin: AdminOptions
        @OptionGroup var filter: DeadLetterOptions
        @Argument(help: "Numbers of dead letters. None: those of the filter.") var ids: [Int64] = []
        @Flag(help: "All dead letters there are.") var all = false
        @Option(help: "How many you believe there are.") var count: Int?
        @Option(help: "Why; kept in the audit log.") var reason: String?

        func run() async throws {
            let body = Wanted(
                filter: self.filter.body(ids: self.ids, all: self.all), count: self.count, reason: self.reason)
            try await self.admin.show("POST", "dead-letters/purge", body: body, as: Answer.self) { answer in
                answer.purged
                    ? "deleted \(answer.count)"
                    : "there are \(answer.count); nothing was deleted: repeat with --count \(answer.count) to delete them"
            }
        }
    }
}

/// Which dead letters are meant.
struct DeadLetterOptions: ParsableArguments {
    struct Body: Encodable {
        var all: Bool?
        var ids: [Int64]?
        var assistant, category, channel, conversation, kind, fingerprint, since, until, text: String?
        var from_id: Int64?
    }

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
        let pairs = values.sorted { $0.key < $1.key }.map { "\($0.key)=\(AdminClient.segment($0.value))" }
        return pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&")
    }

    func body(ids: [Int64], all: Bool) -> Body {
        Body(
            all: all ? true : nil, ids: ids.isEmpty ? nil : ids, assistant: self.assistant, category: self.category,
            channel: self.channel, conversation: self.conversation, kind: self.kind, fingerprint: self.fingerprint,
            since: self.since, until: self.until, text: self.text, from_id: self.fromID)
    }
}
