import ArgumentParser
import CardumeRuntime

struct ConversationCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "conversation", abstract: "Shows conversations; holds, releases and transfers them.",
        subcommands: [Show.self, Explain.self, Held.self, Hold.self, Release.self, Transfer.self])

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows what the journal has: what was said, turns, sends, dead letters.")

        @OptionGroup var admin: AdminOptions
        @Argument(help: "CHANNEL:CONTACT, such as loja:5534999990001.") var conversation: String
        @Option(help: "How many of each, up to 200.") var limit = 10

        func run() async throws {
            let path = "conversations/\(HTTPAddress.segment(self.conversation))?limit=\(self.limit)"
            try await self.admin.show("GET", path, as: ConversationBody.self, \.description)
        }
    }

    struct Explain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Says why a conversation waits, and until when; the same as `cardume explain`.")

        @OptionGroup var command: ExplainCommand

        func run() async throws { try await self.command.run() }
    }

    struct Held: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists held conversations.")

        @OptionGroup var admin: AdminOptions
        @Option(help: "How many, up to 500.") var limit = 100
        @Option(help: "Only those after this one: the next page.") var after: String?

        func run() async throws {
            let after = self.after.map { "&after=\(HTTPAddress.segment($0))" } ?? ""
            try await self.admin.show("GET", "conversations?limit=\(self.limit)\(after)", as: HeldListBody.self) { answer in
                if answer.held.isEmpty { return "no conversation is held" }
                let list = answer.held.joined(separator: "\n")
                return answer.next.map { "\(list)\nmore with --after \($0)" } ?? list
            }
        }
    }

    private static func change(
        _ name: String, _ what: String, _ change: ConversationRequest, _ admin: AdminOptions
    ) async throws {
        let path = "conversations/\(HTTPAddress.segment(name))/\(what)"
        try await admin.show("POST", path, body: change, as: ConversationChangedBody.self) {
            "\($0.conversation): \($0.status)"
        }
    }

    struct Hold: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lets nothing more of a conversation begin; what runs ends, what comes waits in its order.")

        @OptionGroup var admin: AdminOptions
        @Argument(help: "CHANNEL:CONTACT.") var conversation: String
        @Option(help: "Why; kept in the audit log.") var reason: String?

        func run() async throws {
            try await ConversationCommand.change(
                self.conversation, "hold", ConversationRequest(reason: self.reason), self.admin)
        }
    }

    struct Release: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Sets a held conversation going again.")

        @OptionGroup var admin: AdminOptions
        @Argument(help: "CHANNEL:CONTACT.") var conversation: String
        @Option(help: "Why; kept in the audit log.") var reason: String?

        func run() async throws {
            try await ConversationCommand.change(
                self.conversation, "release", ConversationRequest(reason: self.reason), self.admin)
        }
    }

    struct Transfer: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Gives a conversation to another assistant, in order; also back to one that had it.")

        @OptionGroup var admin: AdminOptions
        @Argument(help: "CHANNEL:CONTACT.") var conversation: String
        @Argument(help: "The assistant.") var assistant: String
        @Option(help: "Why; kept in the audit log.") var reason: String?

        func run() async throws {
            try await ConversationCommand.change(
                self.conversation, "transfer", ConversationRequest(to: self.assistant, reason: self.reason), self.admin)
        }
    }
}

extension ConversationBody.Turn {
    fileprivate var row: [String] {
        let tokens: String = self.prompt_tokens.map { "\($0)+\(self.completion_tokens ?? 0)" } ?? "-"
        let merged: String? = self.merged_into.map { "answered with \($0)" }
        let next: String? = self.transfer_to.map { "then to \($0)" }
        return [
            Table.time(self.finished_at), self.id, self.assistant, String(self.attempt), self.model ?? "-", tokens,
            merged ?? next ?? "",
        ]
    }
}

extension ConversationBody.Send {
    fileprivate var row: [String] {
        let error: String = self.error.map(Table.oneLine) ?? ""
        return ["\(self.turn)#\(self.part)", self.state, String(self.attempts), self.server ?? "-", error]
    }
}

extension ConversationBody {
    fileprivate var description: String {
        var facts = [self.queue.map { "with \($0)" } ?? "with nobody"]
        facts.append(self.has_unsettled ? "messages unsettled" : "nothing unsettled")
        if self.held { facts.append("HELD") }
        var blocks = ["\(self.conversation): \(facts.joined(separator: ", "))"]
        if !self.lines.isEmpty {
            // As it was said: the latest last.
            let rows = self.lines.reversed().map { [Table.time($0.at), $0.role, Table.oneLine($0.text)] }
            blocks.append(Table.text(["AT", "WHO", "SAID"], rows))
        }
        if !self.turns.isEmpty {
            blocks.append(
                Table.text(["FINISHED", "TURN", "ASSISTANT", "ATTEMPT", "MODEL", "TOKENS", ""], self.turns.map(\.row)))
        }
        if !self.sends.isEmpty {
            blocks.append(Table.text(["SEND", "STATE", "ATTEMPTS", "SERVER", "ERROR"], self.sends.map(\.row)))
        }
        if !self.dead_letters.isEmpty {
            blocks.append(Table.text(DeadLetterBody.header, self.dead_letters.map(\.row)))
        }
        return blocks.joined(separator: "\n\n")
    }
}
