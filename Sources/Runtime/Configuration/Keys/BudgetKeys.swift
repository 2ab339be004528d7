import CardumeCore

extension ConfigurationKey {
    private static let price = 0.0...1_000_000.0
    private static let requests = 1...1_000_000_000
    private static let tokens = 1...1_000_000_000_000

    /// Named models, budgets, tiers, prices and ceilings of cost.
    static let budgets: [ConfigurationKey] =
        Self.model("models.*") + Self.limits("model") + Self.limits("assistants.*.model") + Self.limits("models.*") + [
            .init(
                "assistants.*.requests_per_minute", .integer(Self.requests), isLive: true,
                "Model calls of this assistant in a minute, by all processes together."),
            .init(
                "assistants.*.tokens_per_minute", .integer(Self.tokens), isLive: true,
                "Tokens of this assistant in a minute, by all processes together."),
            .init(
                "assistants.*.tiers.small", .text, isLive: true,
                "The one of `models` for simple turns. With any tier, `model` is not used."),
            .init("assistants.*.tiers.medium", .text, isLive: true, "The one of `models` for ordinary turns."),
            .init("assistants.*.tiers.large", .text, isLive: true, "The one of `models` for difficult turns."),
            .init(
                "assistants.*.tiers.length_step", .integer(1...100_000), default: "280", isLive: true,
                "Characters of the contact's message that make a turn one point more difficult, up to 4 points."),
            .init(
                "assistants.*.tiers.context_step", .integer(1...1_000_000), default: "2000", isLive: true,
                "Characters said before that make a turn one point more difficult, up to 3 points."),
            .init(
                "assistants.*.tiers.medium_from", .integer(0...100), default: "2", isLive: true,
                "Points from which a turn goes to the medium model."),
            .init(
                "assistants.*.tiers.large_from", .integer(0...100), default: "5", isLive: true,
                "Points from which a turn goes to the large model."),
            .init(
                "assistants.*.daily_cost_limit", .number(Self.price), isLive: true,
                "What the assistant may cost on one day, in the currency of the prices."),
            .init(
                "assistants.*.time_zone", .text, default: "America/Sao_Paulo", isLive: true,
                "Where the assistant's days begin and end (IANA name). UTC where the system does not know the default."),
            .init(
                "assistants.*.on_cost_limit", .choice(CostLimitPolicy.allCases.map(\.rawValue)), isLive: true,
                "What happens at the ceiling: the smallest tier answers, `cost_limit_message` answers without a model, or turns wait for the next day. Default: smaller with tiers, message without."
            ),
            .init(
                "assistants.*.cost_limit_message", .text,
                default:
                    "No momento não consigo responder por aqui. Sua mensagem está guardada e será respondida assim que possível.",
                isLive: true, "What is answered at the ceiling with `message`. Empty: nothing."),
        ]

    private static func limits(_ prefix: String) -> [ConfigurationKey] {
        [
            .init(
                "\(prefix).price.input_per_million", .number(Self.price), isLive: true,
                "Price of a million tokens that the model reads, in any currency."),
            .init(
                "\(prefix).price.output_per_million", .number(Self.price), isLive: true,
                "Price of a million tokens that the model writes."),
            .init(
                "\(prefix).requests_per_minute", .integer(Self.requests), isLive: true,
                "Calls in a minute, by all processes together. What the server says in `x-ratelimit-limit-requests` lowers it."),
            .init(
                "\(prefix).tokens_per_minute", .integer(Self.tokens), isLive: true,
                "Tokens in a minute, by all processes together. What the server says in `x-ratelimit-limit-tokens` lowers it."),
        ]
    }
}
