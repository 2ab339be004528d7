import Foundation
import Testing

@testable import CardumeTesting

@Suite("Producer in Python")
struct PythonProducerTests {
    private static let folder = URL(filePath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "examples/python").path

    private struct Report: Decodable, Equatable {
        var conversation: String
        var id: String
        var status: String
        var assistant: String?
        var entry: String?
    }

    private static func python(_ arguments: [String]) async throws -> String {
        let python = try Binary.find("python3", package: "python3")
        return try await Command.run(
            [python] + arguments, environment: ["PYTHONDONTWRITEBYTECODE": "1"], folder: Self.folder)
    }

    private static func enqueue(
        _ redis: RedisServer, _ text: String, id: String, assistant: String = "suporte",
        assistants: String = "suporte,financeiro", more: [String] = []
    ) async throws -> Report {
        let output = try await Self.python(
            [
                "enqueue.py", "--redis", redis.url, "--assistant", assistant, "--assistants", assistants, "--channel",
                "loja-uberlandia", "--contact", "5534999990001", "--text", text, "--id", id,
            ] + more)
        return try JSONDecoder().decode(Report.self, from: Data(output.utf8))
    }

    private static func start(_ options: RedisServer.Options = RedisServer.Options()) async throws -> RedisServer {
        let redis = try await RedisServer.start(options)
        try await redis.cli("SET", "cardume:partitions", "64")
        return redis
    }

    @Test func writesTheWholeEntry() async throws {
        let redis = try await Self.start(RedisServer.Options(password: "peixe espada"))
        let text = "Olá, São João! 🐟\n\"segunda linha\""
        let report = try await Self.enqueue(
            redis, text, id: "3EB0", more: ["--to", "5534999990001@s.whatsapp.net", "--name", "João"])
        #expect(report.status == "appended")
        #expect(report.assistant == "suporte")
        #expect(report.conversation == "loja-uberlandia:5534999990001")
        // As JSON, because the text has two lines.
        let lines = try await redis.cli("--json", "XRANGE", "cardume:{61}:log:suporte", "-", "+")
        let entries = try #require(try JSONSerialization.jsonObject(with: Data(lines.utf8)) as? [[Any]])
        try #require(entries.count == 1)
        #expect(entries[0][0] as? String == report.entry)
        let fields = try #require(entries[0][1] as? [String])
        #expect(
            stride(from: 0, to: fields.count, by: 2).map { fields[$0] } == [
                "conv", "id", "kind", "text", "at", "to", "trace", "sent", "name",
            ])
        let values = stride(from: 1, to: fields.count, by: 2).map { fields[$0] }
        #expect(values[0...3] == ["loja-uberlandia:5534999990001", "3EB0", "text", text])
        #expect(try #require(Int(values[4])) / 1000 == Int(values[7]))
        #expect(values[5] == "5534999990001@s.whatsapp.net")
        #expect(values[6].wholeMatch(of: /[0-9a-f]{32}/) != nil)
        #expect(values[8] == "João")
    }

    @Test func aRepetitionIsRecognised() async throws {
        let redis = try await Self.start()
        #expect(try await Self.enqueue(redis, "Oi", id: "1").status == "appended")
        let again = try await Self.enqueue(redis, "Oi", id: "1")
        #expect(again.status == "seen before")
        #expect(again.entry == nil)
        // A script that Redis has forgotten is loaded again.
        try await redis.cli("SCRIPT", "FLUSH")
        #expect(try await Self.enqueue(redis, "Oi", id: "2").status == "appended")
        #expect(try await redis.cli("XLEN", "cardume:{61}:log:suporte") == "2")
    }

    @Test func theHolderGoesOn() async throws {
        let redis = try await Self.start()
        #expect(try await Self.enqueue(redis, "Oi", id: "1").assistant == "suporte")
        // Named, it keeps the conversation whatever the producer would choose.
        #expect(try await Self.enqueue(redis, "Boleto", id: "2", assistant: "financeiro").assistant == "suporte")
        // Not named, it is asked for; it keeps the conversation while anything of it is unsettled.
        let unnamed = try await Self.enqueue(redis, "Nota", id: "3", assistant: "financeiro", assistants: "financeiro")
        #expect(unnamed.assistant == "suporte")
        #expect(try await redis.cli("XLEN", "cardume:{61}:log:suporte") == "3")
        try await redis.cli("DEL", "cardume:{61}:log:suporte")
        let taken = try await Self.enqueue(redis, "Nota", id: "4", assistant: "financeiro", assistants: "financeiro")
        #expect(taken.assistant == "financeiro")
        #expect(try await redis.cli("XLEN", "cardume:{61}:log:financeiro") == "1")
    }

    @Test func saysWhatIsWrong() async throws {
        let redis = try await RedisServer.start(RedisServer.Options(isTLS: true))
        let trust = ["--ca", redis.authorityFile]
        let early = await #expect(throws: ServerError.self) { try await Self.enqueue(redis, "Oi", id: "1", more: trust) }
        #expect(early?.message.contains("cardume:partitions is not set") == true)
        try await redis.cli("SET", "cardume:partitions", "64")
        #expect(try await Self.enqueue(redis, "Oi", id: "1", more: trust).status == "appended")
        let colon = await #expect(throws: ServerError.self) {
            try await Self.enqueue(redis, "Oi", id: "2", more: trust + ["--contact", "55:34"])
        }
        #expect(colon?.message.contains("has no colon") == true)
        let empty = await #expect(throws: ServerError.self) { try await Self.enqueue(redis, "Oi", id: "", more: trust) }
        #expect(empty?.message.contains("1 to 256 bytes") == true)
        try await redis.kill9()
        let refused = await #expect(throws: ServerError.self) { try await Self.enqueue(redis, "Oi", id: "3", more: trust) }
        #expect(refused?.message.contains("Connection refused (message 3)") == true)
    }

    @Test(arguments: [
        ("123456789", "cbf43926", "38"), ("loja-uberlandia:5534999990001", "61d838bd", "61"),
        ("loja-uberlandia:5534999990002", "f8d16907", "7"), ("109876543210987:553499990041", "b9064e8a", "10"),
        ("filial:02 são joão/centro:5534999990020", "cc1abea6", "38"),
    ])
    func partitionsAreThoseOfTheTable(conversation: String, hash: String, partition: String) async throws {
        let script =
            "import sys, enqueue; c = sys.argv[1]; print('%08x' % enqueue.zlib.crc32(c.encode()), enqueue.partition_of(c, 64))"
        #expect(try await Self.python(["-c", script, conversation]) == "\(hash) \(partition)")
    }
}
