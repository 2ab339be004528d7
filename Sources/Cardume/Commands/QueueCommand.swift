import ArgumentParser

struct QueueCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue", abstract: "Shows queues and who answers them; pauses and resumes them.",
        subcommands: [List.self, Show.self, Pause.self, Resume.self])

    fileprivate struct Status: Decodable {
        let queue: String
        let depth: Int
        let oldest_seconds: Double?
        let paused: Bool
        let running: Int
        let waiting: Int
        let members: Int

        static let header = ["QUEUE", "DEPTH", "OLDEST", "RUNNING", "WAITING", "PROCESSES", "STATE"]

        var row: [String] {
            [
                self.queue, String(self.depth), self.oldest_seconds.map(Table.duration) ?? "-", String(self.running),
                String(self.waiting), String(self.members), self.paused ? "paused" : self.members == 0 ? "unserved" : "open",
            ]
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists all queues.")

        private struct Answer: Decodable {
            let queues: [Status]
        }

        @OptionGroup var admin: AdminOptions

        func run() async throws {
            try await self.admin.show("GET", "queues", as: Answer.self) {
                Table.text(Status.header, $0.queues.map(\.row))
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows a queue: its owners, and what waits in its partitions, the oldest first.")

        private struct Answer: Decodable {
            struct Owner: Decodable {
                let member: String
                let address: String?
                let alive: Bool
                let partitions: Int
            }

            struct Partition: Decodable {
                let number: Int
                let depth: Int
                let oldest_at: String
                let oldest_conversation: String
                let owner: String?
            }

            let status: Status
            let owners: [Owner]
            let unowned_partitions: Int
            let partitions: [Partition]

            var description: String {
                var blocks = [Table.text(Status.header, [self.status.row])]
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

        @OptionGroup var admin: AdminOptions
        @Argument(help: "An assistant, or `ASSISTANT@LANE`.") var queue: String

        func run() async throws {
            try await self.admin.show("GET", "queues/\(AdminClient.segment(self.queue))", as: Answer.self, \.description)
        }
    }

    private struct Change: Encodable {
        let expires_in: String?
        let reason: String?
    }

    private struct Changed: Decodable {
        let status: String
        let setting: String
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
            let body = Change(expires_in: self.lifetime, reason: self.reason)
            let path = "queues/\(AdminClient.segment(self.queue))/pause"
            try await self.admin.show("POST", path, body: body, as: Changed.self) { "\($0.status): \($0.setting)" }
        }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Ends a pause.")

        @OptionGroup var admin: AdminOptions
        @Argument(help: "As given to `pause`.") var queue: String
        @Option(help: "Why; kept in the history.") var reason: String?

        func run() async throws {
            let body = Change(expires_in: nil, reason: self.reason)
            let path = "queues/\(AdminClient.segment(self.queue))/resume"
            try await self.admin.show("POST", path, body: body, as: Changed.self) { "\($0.status): \($0.setting)" }
        }
    }
}
