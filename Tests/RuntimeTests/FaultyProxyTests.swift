import CardumeTesting
import Foundation
import Testing

@Suite("Faulty proxy")
struct FaultyProxyTests {
    @Test func passesAndClosesOnCommand() async throws {
        let redis = try await RedisServer.start(RedisServer.Options(persistence: .off))
        let proxy = try await FaultyProxy.start(to: redis.port)
        let socket = try Socket(port: proxy.port)
        try socket.send("PING\r\n")
        #expect(try socket.receive() == .bytes("+PONG\r\n"))
        #expect(try await proxy.connections == 1)
        try await proxy.closeAll()
        #expect(try socket.receive() == .end)
        #expect(try await proxy.connections == 0)
        let next = try Socket(port: proxy.port)
        try next.send("PING\r\n")
        #expect(try next.receive() == .bytes("+PONG\r\n"))
    }

    @Test func anEndIsPassedOn() async throws {
        let redis = try await RedisServer.start(RedisServer.Options(persistence: .off))
        let proxy = try await FaultyProxy.start(to: redis.port)
        let socket = try Socket(port: proxy.port)
        try socket.send("QUIT\r\n")
        #expect(try socket.receive() == .bytes("+OK\r\n"))
        #expect(try socket.receive() == .end)
        try await redis.kill9()
        #expect(try Socket(port: proxy.port).receive() == .end)
    }

    @Test func delaysInOrder() async throws {
        let redis = try await RedisServer.start(RedisServer.Options(persistence: .off))
        let proxy = try await FaultyProxy.start(
            to: redis.port, mode: .delay(toServer: .milliseconds(60), toClient: .milliseconds(40)))
        let socket = try Socket(port: proxy.port)
        let begin = ContinuousClock.now
        try socket.send("ECHO a\r\n")
        // What is sent now may not overtake what is still delayed.
        try await Waiting.until("the first command") { try await proxy.received == 8 }
        try await proxy.set(.delay(toServer: .zero, toClient: .milliseconds(40)))
        try socket.send("ECHO b\r\n")
        var answers = ""
        while answers.utf8.count < 14 { answers += try #require(try socket.receive().text) }
        #expect(answers == "$1\r\na\r\n$1\r\nb\r\n")
        #expect(ContinuousClock.now - begin >= .milliseconds(100))
    }

    @Test func aStalledLinkKeepsWhatWasSent() async throws {
        let redis = try await RedisServer.start(RedisServer.Options(persistence: .off))
        let proxy = try await FaultyProxy.start(to: redis.port)
        let old = try Socket(port: proxy.port)
        try old.send("PING\r\n")
        #expect(try old.receive() == .bytes("+PONG\r\n"))
        try await proxy.set(.stall)
        try old.send("SET old 1\r\n")
        let new = try Socket(port: proxy.port)
        try new.send("SET new 1\r\n")
        #expect(try await redis.cli("EXISTS", "old", "new") == "0")
        // Silence, neither an end nor a reset.
        #expect(try old.receive(within: .milliseconds(50)) == .nothing)
        #expect(try new.receive(within: .milliseconds(50)) == .nothing)
        // A server that ends does not show through a link that is cut.
        try await redis.cli("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        #expect(try old.receive(within: .milliseconds(50)) == .nothing)
        try await proxy.set(.pass)
        #expect(try new.receive() == .bytes("+OK\r\n"))
        #expect([.end, .reset].contains(try old.receive()))
        #expect(try await redis.cli("EXISTS", "new") == "1")
    }

    @Test func cutsTheAnswerButNotTheRequest() async throws {
        let redis = try await RedisServer.start(RedisServer.Options(persistence: .off))
        let proxy = try await FaultyProxy.start(to: redis.port, mode: .cutAfterRequest(containing: "INCR", times: 1))
        let socket = try Socket(port: proxy.port)
        try socket.send("PING\r\n")
        #expect(try socket.receive() == .bytes("+PONG\r\n"))
        // The text that is searched for may come in pieces.
        try socket.send("IN")
        try await Waiting.until("the first piece") { try await proxy.received == 8 }
        try socket.send("CR peixes\r\n")
        #expect(try socket.receive() == .end)
        #expect(try await redis.cli("GET", "peixes") == "1")
        #expect(try await proxy.cuts == 1)
        let next = try Socket(port: proxy.port)
        try next.send("INCR peixes\r\n")
        #expect(try next.receive() == .bytes(":2\r\n"))
    }

    @Test func resetsConnections() async throws {
        let redis = try await RedisServer.start(RedisServer.Options(persistence: .off))
        let proxy = try await FaultyProxy.start(to: redis.port)
        let old = try Socket(port: proxy.port)
        try old.send("PING\r\n")
        #expect(try old.receive() == .bytes("+PONG\r\n"))
        try await proxy.set(.reset)
        #expect(try old.receive() == .reset)
        #expect(try Socket(port: proxy.port).receive() == .reset)
        try await proxy.set(.pass)
        let new = try Socket(port: proxy.port)
        try new.send("PING\r\n")
        #expect(try new.receive() == .bytes("+PONG\r\n"))
    }
}
