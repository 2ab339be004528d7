/// How many tokens a call will use, before it is made: the prompt by its length in bytes, at the ratio observed so far (a
/// quarter of a token for each, to begin with); the answer by the mean observed so far, and, before the first, by what the
/// call allows.
public struct TokenEstimate: Sendable {
    /// Assumed of the first answer when the call does not limit it.
    static let assumedCompletion = 400
    /// What roles and separators take of each message.
    static let overhead = 4
    /// How much of each further observation counts.
    private static let weight = 1.0 / 16

    private var tokensPerByte = 0.25
    private var completion: Double?

    public init() {}

    /// - Parameter maximum: what the call allows the answer; `nil` for no limit.
    public func tokens(of request: ModelRequest, maximum: Int?) -> Int {
        let completion = self.completion.map { Int($0.rounded(.up)) } ?? maximum ?? Self.assumedCompletion
        return self.prompt(request) + min(completion, maximum ?? .max)
    }

    public mutating func observed(_ usage: TokenUsage, for request: ModelRequest) {
        let bytes = Double(Self.bytes(request))
        guard usage.prompt > 0, bytes > 0 else { return }
        // Pictures and hidden prompts take tokens that no byte explains; nonsense takes no part.
        let ratio = min(2, max(0.05, Double(max(0, usage.prompt - Self.framing(request))) / bytes))
        self.tokensPerByte += (ratio - self.tokensPerByte) * Self.weight
        let completion = Double(min(usage.completion, 1_000_000))
        self.completion = self.completion.map { $0 + (completion - $0) * Self.weight } ?? completion
    }

    private func prompt(_ request: ModelRequest) -> Int {
        Self.framing(request) + Int((Double(Self.bytes(request)) * self.tokensPerByte).rounded(.up))
    }

    private static func framing(_ request: ModelRequest) -> Int { (request.messages.count + 1) * Self.overhead }

    private static func bytes(_ request: ModelRequest) -> Int {
        request.prompt.utf8.count + request.messages.reduce(0) { $0 + $1.text.utf8.count }
            + request.transfers.reduce(0) { $0 + $1.reason.utf8.count + 100 }
    }
}
