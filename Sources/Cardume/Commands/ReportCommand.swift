import ArgumentParser
import CardumeRuntime

struct ReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "What was used, and what failed.", subcommands: [Usage.self, Errors.self])

    struct Usage: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Tokens and costs by day, assistant and model.")

        @OptionGroup var admin: AdminOptions
        @Option(help: "How many days, today included, up to 400.") var days = 7
        @Option(help: "Only this assistant's.") var assistant: String?

        func run() async throws {
            let assistant = self.assistant.map { "&assistant=\(HTTPAddress.segment($0))" } ?? ""
            try await self.admin.show("GET", "usage?days=\(self.days)\(assistant)", as: UsageBody.self, \.description)
        }
    }

    struct Errors: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Dead letters by hour or day and category, of those that are still kept.")

        @OptionGroup var admin: AdminOptions
        @Option(help: "From this time on, or how long ago.") var since = "24h"
        @Option(help: "hour or day.") var step = "hour"
        @Option(help: "Only this assistant's.") var assistant: String?

        func run() async throws {
            let assistant = self.assistant.map { "&assistant=\(HTTPAddress.segment($0))" } ?? ""
            let query = "errors?since=\(HTTPAddress.segment(self.since))&step=\(HTTPAddress.segment(self.step))\(assistant)"
            try await self.admin.show("GET", query, as: ErrorsBody.self) { answer in
                answer.errors.isEmpty
                    ? "no errors"
                    : Table.text(
                        ["FROM", "CATEGORY", "COUNT"],
                        answer.errors.map { [Table.time($0.at), $0.category, String($0.count)] })
            }
        }
    }
}

extension UsageBody {
    fileprivate var description: String {
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
