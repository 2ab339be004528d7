import ArgumentParser
import CardumeRuntime

struct QueueCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue", abstract: "Shows queues and who answers them; pauses and resumes them.",
        subcommands: [List.self, Show.self, Pause.self, Resume.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists all queues.")

        @OptionGroup var admin: AdminOptions

        func run() async throws {
            try await self.admin.show("GET", "queues", as: QueueListBody.self) {
                Table.text(QueueBody.header, $0.queues.map(\.row))
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows a queue: its owners, and what waits in its partitions, the oldest first.")

        @OptionGroup var admin: AdminOptions
        @Argument(help: "An assistant, or `ASSISTANT@LANE`.") var queue: String

        func run() async throws {
            try await self.admin.show(
                "GET", "queues/\(HTTPAddress.segment(self.queue))", as: QueueDetailBody.self, \.description)
        }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lets nothing new of a queue begin; what runs ends, what comes waits in its order.")

        @OptionGroup var admin: AdminOptions
        @Argument(help: "An assistant, or `ASSISTANT@LANE`.") var queue: String
        @Option(name: .customLong("for"), help: "For how long, such as 30m. Defaults to until it is resumed.")
        var lifetime: String?
        @Option(help: "Why; kept in the history.") var reason: String?

        func run() async throws {
            let body = PauseRequest(lifetime: self.lifetime, reason: self.reason)
            let path = "queues/\(HTTPAddress.segment(self.queue))/pause"
            try await self.admin.show("POST", path, body: body, as: PausedBody.self) { "\($0.status): \($0.setting)" }
        }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Ends a pause.")

        @OptionGroup var admin: AdminOptions
        @Argument(help: "As given to `pause`.") var queue: String
        @Option(help: "Why; kept in the history.") var reason: String?

        func run() async throws {
            let body = PauseRequest(reason: self.reason)
            let path = "queues/\(HTTPAddress.segment(self.queue))/resume"
            try await self.admin.show("POST", path, body: body, as: PausedBody.self) { "\($0.status): \($0.setting)" }
        }
    }
}

extension QueueBody {
    fileprivate static let header = ["QUEUE", "DEPTH", "OLDEST", "RUNNING", "WAITING", "PROCESSES", "STATE"]

    fileprivate var row: [String] {
        [
            self.queue, String(self.depth), self.oldest_seconds.map(Table.duration) ?? "-", String(self.running),
            String(self.waiting), String(self.members), self.paused ? "paused" : self.members == 0 ? "unserved" : "open",
        ]
    }
}

extension QueueDetailBody {
    fileprivate var description: String {
        var blocks = [Table.text(QueueBody.header, [self.status.row])]
        blocks.append(
            Table.text(
                ["OWNER", "ADDRESS", "PARTITIONS", "STATE"],
                self.owners.map { [$0.member, $0.address ?? "-", String($0.partitions), $0.alive ? "alive" : "gone"] }))
        if self.unowned_partitions > 0 { blocks.append("\(self.unowned_partitions) partitions have no owner") }
        if !self.partitions.isEmpty {
            let rows = self.partitions.map { part in
                [
                    String(part.number), String(part.depth), Table.time(part.oldest_at), part.oldest_conversation,
                    part.owner ?? "nobody",
                ]
            }
            blocks.append(Table.text(["PARTITION", "DEPTH", "OLDEST", "CONVERSATION", "OWNER"], rows))
        }
        return blocks.joined(separator: "\n\n")
    }
}
