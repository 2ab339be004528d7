/// What the demo's contacts write: the kind of traffic a shop's assistants see, one opening for each assistant.
enum DemoScript {
    struct Theme: Sendable {
        let assistant: String
        let keyword: String
        let openings: [String]
        let followUps: [String]
    }

    static let themes: [Theme] = [
        Theme(
            assistant: "financeiro", keyword: "boleto",
            openings: ["Oi, preciso da segunda via do boleto", "Bom dia! Meu boleto venceu ontem, como faço?"],
            followUps: ["Pode mandar por aqui mesmo?", "O código de barras não está lendo", "Consigo pagar no PIX?", "Valeu!"]),
        Theme(
            assistant: "suporte", keyword: "internet",
            openings: ["Minha internet caiu de novo", "A internet está muito lenta desde ontem"],
            followUps: ["Já reiniciei o modem", "A luz vermelha fica piscando", "Quanto tempo demora?", "Voltou, obrigado!"]),
        Theme(
            assistant: "comercial", keyword: "plano",
            openings: ["Quero saber os preços do plano de 500 mega", "Vocês têm plano para empresa?"],
            followUps: ["Tem fidelidade?", "E a instalação, é grátis?", "Atende no Santa Mônica?", "Vou pensar e te aviso"]),
        Theme(
            assistant: "ouvidoria", keyword: "reclamação",
            openings: ["Quero registrar uma reclamação", "Tenho uma reclamação sobre o atendimento de ontem"],
            followUps: [
                "Esperei duas horas na linha", "Ninguém apareceu no horário marcado", "Qual o protocolo?", "Ok, aguardo",
            ]),
        Theme(
            assistant: "cancelamento", keyword: "cancelar",
            openings: ["Quero cancelar minha assinatura", "Como faço para cancelar?"],
            followUps: ["Vou mudar de cidade", "Tem multa?", "Preciso devolver o aparelho?", "Certo, obrigada"]),
    ]

    /// The lines of one conversation, each unlike the others so that replies can be told apart.
    static func lines(of conversation: Int, count: Int) -> (assistant: String, lines: [String]) {
        let theme = self.themes[conversation % self.themes.count]
        let opening = theme.openings[conversation / self.themes.count % theme.openings.count]
        let rest = (1..<max(count, 1)).map { "\(theme.followUps[($0 - 1) % theme.followUps.count]) (\($0 + 1))" }
        return (theme.assistant, [opening] + rest)
    }

    /// The configuration the demo runs with.
    static func configuration(folder: String, sandboxPort: Int, key: String) -> String {
        let assistants = self.themes.map {
            """
              \($0.assistant):
                prompt: Você é a assistente de \($0.assistant) de um provedor de internet. Responda em português, com gentileza.
                slots: 8
                backoff: 200ms
            """
        }
        let keywords = self.themes.map { "      \($0.keyword): \($0.assistant)" }
        return """
            data_folder: \(folder)
            http:
              port: 0
            evolution_webhook:
              key: \(key)
            model:
              base_url: http://127.0.0.1:\(sandboxPort)/v1
              keyless: true
            assistants:
            \(assistants.joined(separator: "\n"))
            channels:
              provedor-demo:
                kind: evolution
                base_url: http://127.0.0.1:\(sandboxPort)
                key: \(key)
                timeout: 2s
                record_delay: 500ms
                assistant: suporte
                keywords:
            \(keywords.joined(separator: "\n"))
            """
    }
}
