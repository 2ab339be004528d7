import ArgumentParser

struct ReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "What was used, and what failed.", subcommands: [Usage.self, Errors.self])

    struct Usage: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Tokens and costs by day, assistant and model.")

        private struct Answer: Decodable {
            struct Line: Decodable {
                let day: String
                let assistant: String
                let model: String
                let requests: Int
                let prompt_tokens: Int
                let completion_tokens: Int
                let cost: Double
            }

            let days: [Line]

            var description: String {
                let rows = self.days.map { line in
                    [
                        line.day, line.assistant, line.model, String(line.requests), String(line.prompt_tokens),
                        String(line.completion_tokens), String(line.cost),
                    ]
                }
                return rows.isEmpty
                    ? "nothing was used"
                    : Table.text(["DAY", "ASSISTANT", "MODEL", "REQUESTS", "PROMPT", "COMPLETION", "COST"], rows)
            }
        }

        @OptionGroup var admin: AdminOptions
        @Option(help: "How many days, today included, up to 400.") var days = 7
        @Option(help: "Only this assistant's.") var assistant: String?

        func run() async throws {
            let assistant = self.assistant.map { "&assistant=\(AdminClient.segment($0))" } ?? ""
            try await self.admin.show("GET", "usage?days=\(self.days)\(assistant)", as: Answer.self, \.description)
        }
    }

    struct Errors: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Dead letters by hour or day and category, of those that are still kept.")

        private struct Answer: Decodable {
            struct Line: Decodable {
                let at: String
                let category: String
                let count: Int
            }

            let errors: [Line]
        }

        @OptionGroup var admin: AdminOptions
        @Option(help: "From this time on, or how long ago.") var since = "24h"
        @Option(help: "hour or day.") var step = "hour"
        @Option(help: "Only this assistant's.") var assistant: String?

        func run() async throws {
            let assistant = self.assistant.map { "&assistant=\(AdminClient.segment($0))" } ?? ""
            let query = "errors?since=\(AdminClient.segment(self.since))&step=\(AdminClient.segment(self.step))\(assistant)"
            try await self.admin.show("GET", query, as: Answer.self) { answer in
                answer.errors.isEmpty
                    ? "no errors"
                    : Table.text(
                        ["FROM", "CATEGORY", "COUNT"],
                        answer.errors.map { [Table.time($0.at), $0.category, String($0.count)] })
            }
        }
    }
}
