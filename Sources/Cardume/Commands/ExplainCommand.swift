import ArgumentParser
import CardumeRuntime

struct ExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Says why a conversation waits, and until when.",
        discussion: """
            Asks any process of the deployment, which asks the one that owns the conversation. Times are UTC. The token is \
            admin.token (CARDUME_ADMIN_TOKEN).
            """)

    @OptionGroup var admin: AdminOptions
    @Argument(help: "CHANNEL:CONTACT, such as loja:5534999990001.") var conversation: String

    func run() async throws {
        let path = "conversations/\(HTTPAddress.segment(self.conversation))/explain"
        try await self.admin.show("GET", path, as: ExplanationBody.self, \.description)
    }
}

extension ExplanationBody {
    /// The sentence, and what else is known on a line of its own.
    var description: String {
        let explanation = self.explanation
        var facts: [String] = []
        if let queue = explanation.queue { facts.append("queue \(queue)") }
        if let owner = explanation.owner { facts.append("owner \(owner)") }
        facts.append("\(explanation.messages) \(explanation.messages == 1 ? "message" : "messages") with it")
        switch explanation.hasUnsettled {
        case true?: facts.append("unsettled in the log")
        case false?: facts.append("nothing unsettled in the log")
        case nil: facts.append("the log does not answer")
        }
        switch explanation.isHeld {
        case true?: facts.append("held in the journal")
        case false?: break
        case nil: facts.append("the journal does not answer")
        }
        return "\(explanation.conversation) \(self.text)\n  \(facts.joined(separator: ", "))"
    }
}
