import CardumeCore
import CardumeRuntime
import Foundation

/// What model servers and gateways answer.
enum AnswerFuzz {
    private static let transfers = [
        TransferOption(assistant: "suporte", reason: "Problemas técnicos"),
        TransferOption(assistant: "financeiro", reason: "Boletos e pagamentos"),
    ]
    /// No reply is as long as a page, and what stands in logs and dead letters is no page either.
    private static let longestReason = 4_096

    /// An answer says something, or gives the conversation to one of those it may be given to.
    static func model(_ input: [UInt8]) {
        Self.limits(input)
        guard let response = try? OpenAIAnswer.response(from: Data(input), of: "fuzz", Self.transfers) else { return }
        if let transfer = response.transfer {
            expect(Self.transfers.contains { $0.assistant == transfer }, "given to somebody else")
        } else {
            expect(!response.text.allSatisfy(\.isWhitespace), "an answer that says nothing")
        }
        if let usage = response.usage {
            expect((0...2_000_000_000).contains(usage.prompt + usage.completion), "tokens that nobody used")
        }
        let parts = ReplyParts.split(response.text, limit: 4_096)
        expect(response.transfer != nil || !parts.isEmpty, "an answer without a part")
        // A part is only longer when one character is.
        expect(parts.allSatisfy { $0.utf16.count <= 4_096 || $0.count == 1 }, "a part that WhatsApp refuses")
    }

    /// Whatever the status and the body, the outcome is one that the sender knows, and its reason fits a log line.
    static func gateway(_ input: [UInt8]) {
        for status in [200, 201, 400, 401, 403, 404, 500, 503] {
            for outcome in [EvolutionAnswer.outcome(status:body:), MetaAnswer.outcome(status:body:)].map({
                $0(status, Data(input))
            }) {
                switch outcome {
                case .accepted: expect(status < 300, "accepted with \(status)")
                case .refused(let reason), .unavailable(let reason), .unknown(let reason):
                    expect(status >= 300, "not accepted with \(status)")
                    expect(reason.utf8.count <= Self.longestReason || reason.count <= 300, "a reason as long as a page")
                case .postponed: expect(false, "an answer to what was never sent")
                }
            }
        }
    }

    private static func limits(_ input: [UInt8]) {
        let values = String(decoding: input, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        let names = ["limit", "remaining", "reset"].flatMap { ["x-ratelimit-\($0)-requests", "x-ratelimit-\($0)-tokens"] }
        let headers = Dictionary(zip(names, values.map(String.init))) { first, _ in first }
        let report = ModelLimitReport { headers[$0] }
        for side in [report.requests, report.tokens] {
            expect(side.limit.map { $0 > 0 } ?? true && side.remaining.map { $0 >= 0 } ?? true, "a limit below zero")
            expect(side.reset.map { ($0 >= .zero) && $0 <= .seconds(86_400) } ?? true, "a reset that never comes")
        }
    }
}
