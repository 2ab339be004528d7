import CardumeCore
import Testing

@Suite struct RouteTableTests {
    private static let table = RouteTable(
        channels: [
            "loja": ChannelRoute(
                assistant: "suporte", keywords: [("reclamação", "ouvidoria"), ("segunda via", "financeiro")]),
            "menu": ChannelRoute(
                assistant: "recepcao", keywords: [("cancelar", "cancelamento")],
                menu: [
                    .init(label: "Financeiro", assistant: "financeiro"), .init(label: "Suporte Técnico", assistant: "suporte"),
                ],
                menuTitle: "Olá! Escolha:"),
        ])

    private static func route(_ channel: String, _ text: String?) -> Route? {
        let message = InboundMessage(
            id: "m", conversation: Conversation.ID("\(channel):1"), text: text, receivedAt: Timestamp(milliseconds: 0),
            replyAddress: "1", traceID: "")
        return Self.table.append(for: message)?.route
    }

    @Test(arguments: [
        ("Quero fazer uma RECLAMACAO!", "ouvidoria"), ("quero a Segunda  via, por favor", "financeiro"),
        ("a segunda opção via loja", "suporte"), ("reclamações", "suporte"), ("", "suporte"),
    ])
    func keywordsAreWholeWordsWhateverTheirCaseAndAccents(_ text: String, _ assistant: String) {
        #expect(Self.route("loja", text) == Route(assistant: AssistantID(assistant)))
    }

    @Test(arguments: [
        ("1", "financeiro", true), ("2.", "suporte", true), ("suporte tecnico", "suporte", true),
        ("quero cancelar", "cancelamento", true), ("3", "recepcao", false), ("oi", "recepcao", false),
    ])
    func aMenuIsChosenByNumberOrLabel(_ text: String, _ assistant: String, _ isChosen: Bool) {
        #expect(Self.route("menu", text) == Route(assistant: AssistantID(assistant), isChosen: isChosen))
    }

    @Test func messagesWithoutTextTakeTheDefault() {
        #expect(Self.route("loja", nil) == Route(assistant: "suporte"))
    }

    @Test func unknownChannelsAreNotServed() {
        #expect(Self.route("outra", "oi") == nil)
    }

    @Test func menuTextListsItsOptions() {
        #expect(Self.table["menu"]?.menuText == "Olá! Escolha:\n1 - Financeiro\n2 - Suporte Técnico")
    }
}
