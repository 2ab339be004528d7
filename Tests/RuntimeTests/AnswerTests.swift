import CardumeCore
import Foundation
import Logging
import NIOHTTP1
import Synchronization
import Testing

@testable import CardumeRuntime

/// What other servers' answers mean.
@Suite struct AnswerTests {
    private enum Sort: String { case accepted, unavailable, refused, unknown, postponed }

    private static func sort(_ outcome: SendOutcome) -> Sort {
        switch outcome {
        case .accepted: .accepted
        case .unavailable: .unavailable
        case .refused: .refused
        case .unknown: .unknown
        case .postponed: .postponed
        }
    }

    @Test(arguments: [
        (201, #"{"key":{"id":"3EB0"}}"#, "accepted"),
        (201, "", "accepted"),
        (401, #"{"response":{"message":"Unauthorized"}}"#, "unavailable"),
        (403, "{}", "unavailable"),
        (404, #"{"response":{"message":["The \"x\" instance does not exist"]}}"#, "unavailable"),
        (400, #"{"response":{"message":[{"jid":"55","exists":false,"number":"55"}]}}"#, "refused"),
        (400, #"{"response":{"message":[["instance requires property \"text\""]]}}"#, "refused"),
        (400, #"{"response":{"message":["Text is required"]}}"#, "refused"),
        (400, #"{"response":{"message":["Error: Connection Closed"]}}"#, "unknown"),
        (400, #"{"response":{"message":["Error: Timed Out"]}}"#, "unknown"),
        (400, #"{"response":{"message":["PrismaClientKnownRequestError"]}}"#, "unknown"),
        (400, "not json", "unknown"),
        (500, #"{"response":{"message":"Connection Closed"}}"#, "unavailable"),
        (500, #"{"response":{"message":"Cannot read properties of undefined (reading 'x')"}}"#, "unavailable"),
        (500, #"{"response":{"message":["AxiosError"]}}"#, "unknown"),
        (502, "<html>", "unknown"), (503, "", "unknown"), (504, "", "unknown"),
    ])
    func evolutionAnswers(_ status: Int, _ body: String, _ expected: String) {
        #expect(Self.sort(EvolutionAnswer.outcome(status: status, body: Data(body.utf8))).rawValue == expected)
    }

    @Test(arguments: [
        (200, #"{"messages":[{"id":"wamid.1"}]}"#, "accepted"),
        (401, #"{"error":{"code":190,"message":"token"}}"#, "unavailable"),
        (500, #"{"error":{"code":3}}"#, "unavailable"),
        (403, #"{"error":{"code":200}}"#, "unavailable"),
        (400, #"{"error":{"code":131056}}"#, "unavailable"),
        (400, #"{"error":{"code":130429}}"#, "unavailable"),
        (400, #"{"error":{"code":131047}}"#, "refused"),
        (400, #"{"error":{"code":131026}}"#, "refused"),
        (500, #"{"error":{"code":131000}}"#, "unknown"),
        (503, #"{"error":{"code":2}}"#, "unknown"),
        (502, "<html>", "unknown"),
    ])
    func metaAnswers(_ status: Int, _ body: String, _ expected: String) {
        #expect(Self.sort(MetaAnswer.outcome(status: status, body: Data(body.utf8))).rawValue == expected)
    }

    /// What models write into a call of the function that gives a conversation away.
    @Test(arguments: [
        ("transferir_conversa", #"{"assistente":"financeiro"}"#, "financeiro"),
        ("transferir_conversa", #"{"assistente":"financeiro","motivo":"boleto"}"#, "financeiro"),
        ("transferir_conversa", #"{"assistente":"Financeiro"}"#, nil),
        ("transferir_conversa", "", nil), ("transferir_conversa", "{", nil), ("transferir_conversa", nil, nil),
        ("consultar_pedido", #"{"assistente":"financeiro"}"#, nil), (nil, nil, nil),
    ])
    func transfersAreOnlyToWhoIsOffered(_ name: String?, _ arguments: String?, _ expected: String?) {
        let options = [TransferOption(assistant: "financeiro", reason: "boletos")]
        let assistant = try? TransferTool.assistant(name, arguments, options)
        #expect(assistant?.rawValue == expected)
    }

    @Test(arguments: [
        (
            400, #"{"error":{"message":"m","type":"invalid_request_error","code":"context_length_exceeded"}}"#, "validation",
            false
        ),
        (401, #"{"error":{"message":"m","code":"invalid_api_key"}}"#, "auth", false),
        (403, "", "auth", false), (404, "<html>", "validation", false), (408, "", "timeout", true), (409, "{}", "other", true),
        (429, #"{"error":{"message":"m","type":"tokens","code":"rate_limit_exceeded"}}"#, "rate_limit", true),
        (429, #"{"error":{"message":"m","type":"insufficient_quota","code":"insufficient_quota"}}"#, "quota", false),
        (429, #"{"error":{"message":"m","type":"insufficient_quota","code":null}}"#, "quota", false),
        (429, #"{"error":{"message":"Request too large for m","code":"rate_limit_exceeded"}}"#, "validation", false),
        (429, #"{"error":{"message":"m","code":429}}"#, "rate_limit", true),
        (429, #"{"error":"slow down"}"#, "rate_limit", true),
        (500, "", "other", true), (503, #"{"detail":"loading"}"#, "other", true), (504, "<html>", "timeout", true),
    ])
    func modelErrors(_ status: Int, _ body: String, _ category: String, _ isRetryable: Bool) {
        let failure = OpenAIFailure.status(status, Data(body.utf8), [:])
        #expect(failure.category.rawValue == category)
        #expect(failure.isRetryable == isRetryable)
    }

    @Test(
        arguments: [
            (["retry-after": "2"], 2_000), (["retry-after": "0.25"], 250),
            (["retry-after-ms": "12.5", "retry-after": "9"], 12),
            (["retry-after": "Fri, 31 Dec 1999 23:59:59 GMT"], nil), (["retry-after": "600"], 120_000),
            (["retry-after": "-1"], nil),
            ([:], nil),
        ] as [([String: String], Int64?)])
    func statedWaits(_ headers: [String: String], _ milliseconds: Int64?) {
        let headers = HTTPHeaders(headers.map { ($0.key, $0.value) })
        #expect(OpenAIFailure.retryAfter(headers)?.milliseconds == milliseconds)
    }

    @Test func serverMayOverrideRetrying() {
        #expect(OpenAIFailure.status(500, Data(), ["x-should-retry": "false"]).isRetryable == false)
        #expect(OpenAIFailure.status(400, Data(), ["x-should-retry": "true"]).isRetryable == true)
    }

    @Test func addressesAreJoinedAndEscaped() {
        #expect(HTTPAddress.join("http://h/v1/", "chat") == "http://h/v1/chat")
        #expect(HTTPAddress.segment("filial:02 são joão/centro") == "filial%3A02%20s%C3%A3o%20jo%C3%A3o%2Fcentro")
    }

    @Test func logLinesAreJSONWhateverTheyHold() throws {
        let lines = Mutex<[String]>([])
        var logger = Logger(label: "l") { label in
            LineLogHandler(label: label, level: Live(.info), format: .json) { line in lines.withLock { $0.append(line) } }
        }
        logger[metadataKey: "conversation"] = "loja:\"1\"\n\u{1}é"
        logger.info("olá\t\\", metadata: ["n": "1"])
        logger.debug("not shown")
        let line = try #require(lines.withLock { $0.first })
        #expect(lines.withLock { $0.count } == 1)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String])
        #expect(object["message"] == "olá\t\\")
        #expect(object["conversation"] == "loja:\"1\"\n\u{1}é")
        #expect(object["level"] == "info")
        #expect(object["time"]?.hasSuffix("Z") == true)
        #expect(object["time"]?.hasPrefix("20") == true)
    }
}
