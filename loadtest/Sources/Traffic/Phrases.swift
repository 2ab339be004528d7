/// What contacts of a telecom's assistants write.
enum Phrases {
    private static let openings = ["Oi, boa tarde!", "Bom dia", "Olá, tudo bem?", "Oi", "Boa noite, preciso de ajuda"]
    private static let questions: [String: [String]] = [
        "suporte": [
            "minha internet caiu de novo", "o wifi não chega no quarto dos fundos", "a luz do modem está vermelha desde cedo",
            "já reiniciei o roteador duas vezes e nada", "quando o técnico vem?",
        ],
        "financeiro": [
            "não recebi o boleto deste mês", "paguei ontem e ainda consta em aberto", "quero mudar o vencimento para o dia 15",
            "por que a fatura veio mais cara?", "vocês aceitam pix?",
        ],
        "comercial": [
            "qual o valor do plano de 500 mega?", "tem cobertura na rua das Acácias, em Uberlândia?",
            "quero contratar para a empresa também", "tem fidelidade?", "dá para levar o mesmo plano para o endereço novo?",
        ],
        "cancelamento": [
            "quero cancelar o meu contrato", "vou me mudar no fim do mês", "o que vocês oferecem se eu ficar?",
            "tem multa para cancelar?",
        ],
        "ouvidoria": [
            "já abri três protocolos e ninguém resolve", "quero registrar uma reclamação do atendimento",
            "meu protocolo está parado há dez dias",
        ],
    ]
    private static let general = ["pode me ajudar?", "e agora?", "entendi, obrigada", "certo, vou verificar", "ok"]
    private static let details =
        " Moro aqui há seis anos e nunca tive esse problema; ontem à noite começou a cair a cada meia hora, e hoje de manhã nem "
        + "conecta. Trabalho em casa e preciso muito que resolvam isto ainda hoje, por favor."

    /// The same for the same message.
    static func text(for message: PlannedMessage) -> String {
        // Spread, so that neighbours differ.
        let number = message.index &* 2_654_435_761 & 0xFFFF_FFFF
        let own = Self.questions[message.assistant] ?? Self.general
        let choices = message.position == 0 || number % 3 > 0 ? own : Self.general
        let text = choices[number / 3 % choices.count]
        let opening = message.position == 0 ? Self.openings[number % Self.openings.count] + " " : ""
        // One in twelve explains at length.
        return opening + text + (number / 7 % 12 == 0 ? Self.details : "")
    }

    static func name(of conversation: Int) -> String {
        let names = ["Marina Alves", "João Batista", "Dona Lúcia", "Tiago M.", "Cláudia", "Seu Antônio", "Bia", "Rafael Souza"]
        return names[conversation % names.count]
    }
}
