import CardumeCore
import Testing

@Suite struct ErrorFingerprintTests {
    private static func text(_ error: String, _ category: String = "timeout") -> String {
        ErrorFingerprint(category: category, error: error).text
    }

    /// What differs from case to case is masked.
    @Test(arguments: [
        ("POST http://10.0.0.7:8080/v1 answered 503 after 1203 ms", "timeout: post <url> answered <n> after <n> ms"),
        ("no answer within 30s", "timeout: no answer within <n>s"),
        ("10.1.2.3:443: connection refused", "timeout: <n>: connection refused"),
        ("request 0af7651916cd43dd8448eb211c80319c failed", "timeout: request <hex> failed"),
        ("request_id=req_01jq8zx9 is unknown", "timeout: request_id=<id> is unknown"),
        ("5534999990001@s.whatsapp.net does not exist", "timeout: <n>@s.whatsapp.net does not exist"),
        ("model gpt-4o is overloaded (try 2)", "timeout: model gpt-4o is overloaded (try <n>)"),
        ("", "timeout:"),
    ])
    func masks(_ error: String, _ expected: String) {
        #expect(Self.text(error) == expected)
    }

    @Test func whatIsTheSameButForNumbersIsOne() {
        #expect(Self.text("answered 503 after 12 ms: id 4711") == Self.text("answered 502 after 9 ms: id 12"))
        #expect(Self.text("answered 503") != Self.text("answered nothing"))
        #expect(Self.text("answered 503") != Self.text("answered 503", "connection"))
    }

    /// Whatever the error says, its fingerprint is one line of bounded length.
    @Test func longTextsAreCut() {
        let text = Self.text(String(repeating: "palavra\n", count: 10_000))
        #expect(text.utf8.count < 500 && !text.contains("\n"))
    }
}

@Suite struct DeadLetterAnalysisTests {
    private static let now = Timestamp(milliseconds: 1_795_176_000_000)

    private static func letter(
        _ id: Int64, _ category: String, _ error: String, minutesAgo: Int, replays: Int = 0, isReplaying: Bool = false
    ) -> StoredDeadLetter {
        StoredDeadLetter(
            id: id,
            message: InboundMessage(
                id: MessageID("m\(id)"), conversation: Conversation.ID("loja:\(id % 7)"), text: "oi", receivedAt: Self.now,
                replyAddress: "1", traceID: ""), assistant: id % 2 == 0 ? "suporte" : "financeiro", category: category,
            error: error, fingerprint: ErrorFingerprint(category: category, error: error).text, attempts: 3,
            at: Self.now.advanced(by: .seconds(-60 * minutesAgo)), replays: replays, isReplaying: isReplaying)
    }

    @Test func countsAndGroups() {
        var analysis = DeadLetterAnalysis()
        for id in 1...60 {
            analysis.add(Self.letter(Int64(id), "timeout", "no answer within \(id)s", minutesAgo: 300 + id % 3))
        }
        for id in 61...80 { analysis.add(Self.letter(Int64(id), "auth", "401 from key \(id)", minutesAgo: 5)) }
        analysis.add(Self.letter(81, "timeout", "no answer within 1s", minutesAgo: 1, isReplaying: true))
        #expect(analysis.count == 80 && analysis.replaying == 1 && analysis.conversationCount == 7)
        #expect(analysis.categories == ["timeout": 60, "auth": 20] && analysis.kinds == ["text": 80])
        #expect(analysis.assistants == ["suporte": 40, "financeiro": 40] && analysis.channels == ["loja": 80])
        #expect(analysis.hours.values.reduce(0, +) == 80)
        let groups = analysis.topErrors(10)
        #expect(groups.map(\.fingerprint) == ["timeout: no answer within <n>s", "auth: <n> from key <n>"])
        #expect(groups.map(\.count) == [60, 20] && groups[0].exampleID == 1)
        #expect(analysis.topErrors(1).count == 1)
        let advice = analysis.recommendations(at: Self.now)
        #expect(advice[0].hasPrefix("75 % (60) are one error: timeout: no answer within <n>s. The last one came 5 h ago"))
        #expect(advice[1].contains("It still happens: find the cause before you replay."))
        #expect(advice.contains { $0.hasPrefix("20 × auth: a key is wrong") }, "\(advice)")
        #expect(advice.contains { $0.contains("were given up in one hour") })
    }

    @Test func whatFailedAgainIsSaid() {
        var analysis = DeadLetterAnalysis()
        for id in 1...4 { analysis.add(Self.letter(Int64(id), "validation", "wrong", minutesAgo: 1, replays: id == 1 ? 2 : 0)) }
        #expect(analysis.recommendations(at: Self.now).contains { $0.hasPrefix("1 have been replayed before") })
        #expect(DeadLetterAnalysis().recommendations(at: Self.now) == ["There are no dead letters here: nothing to do."])
    }
}
