import CardumeTesting
import NIOCore
import NIOEmbedded
import NIOPosix
import Synchronization
import Testing

@testable import CardumeRuntime

/// One connection: order, ticks, deadlines, ends.
@Suite(.timeLimit(.minutes(1))) struct RedisConnectionTests {
    private static func open(_ settings: RedisSettings) async throws -> RedisConnection {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        return try await RedisConnector(settings).open(settings.node, on: loop).connection
    }

    /// An event loop as an executor, which counts how often it is entered from another thread.
    private final class CountingExecutor: SerialExecutor {
        private let eventLoop: any EventLoop
        let entries = Atomic(0)

        init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

        func enqueue(_ job: consuming ExecutorJob) {
            if !self.eventLoop.inEventLoop { self.entries.wrappingAdd(1, ordering: .relaxed) }
            let job = UnownedJob(job)
            self.eventLoop.execute { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
        }
    }

    /// Lives on a connection's event loop.
    private actor Caller {
        nonisolated let connection: RedisConnection
        nonisolated let executor: CountingExecutor
        nonisolated var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

        init(_ connection: RedisConnection) {
            self.connection = connection
            self.executor = CountingExecutor(connection.eventLoop)
        }

        func echo(_ text: String) async throws -> String? {
            try await self.connection.send(RedisCommand("ECHO", text)).root.string
        }

        func echoMany(_ count: Int) async throws {
            for number in 0..<count { #expect(try await self.echo("\(number)") == "\(number)") }
            for _ in 0..<count { #expect(await self.connection.send([RedisCommand("PING")]).count == 1) }
        }
    }

    /// Once to get in, and not again for 200 replies.
    @Test func callersOnTheLoopStayThere() async throws {
        let server = try await RedisServer.bare()
        let connection = try await Self.open(.local(server.port))
        let caller = Caller(connection)
        try await caller.echoMany(100)
        #expect(caller.executor.entries.load(ordering: .relaxed) == 1)
        connection.close()
        try await server.kill9()
    }

    @Test func repliesFindTheirCallers() async throws {
        let server = try await RedisServer.bare()
        let connection = try await Self.open(.local(server.port))
        let caller = Caller(connection)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<500 {
                group.addTask {
                    let echo = try await caller.echo("on the loop \(number)")
                    #expect(echo == "on the loop \(number)")
                }
                group.addTask {
                    let reply = try await connection.send(RedisCommand("ECHO", "elsewhere \(number)"))
                    #expect(reply.root.string == "elsewhere \(number)")
                }
            }
            try await group.waitForAll()
        }
        connection.close()
        try await server.kill9()
    }

    @Test func batchesStayTogether() async throws {
        let server = try await RedisServer.bare()
        let connection = try await Self.open(.local(server.port))
        let results = await connection.send([
            RedisCommand("SET", "k", "v"), RedisCommand("LPUSH", "k", "x"), RedisCommand("GET", "k"),
        ])
        #expect(try results[0].get().root.string == "OK")
        #expect(throws: RedisError(.wrongType, "WRONGTYPE Operation against a key holding the wrong kind of value")) {
            try results[1].get()
        }
        #expect(try results[2].get().root.string == "v")
        #expect(await connection.send([RedisCommand]()).isEmpty)
        connection.close()
        try await server.kill9()
    }

    @Test func bigBinaryValues() async throws {
        let server = try await RedisServer.bare()
        let connection = try await Self.open(.local(server.port))
        let value = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) }
        var set = RedisCommand("SET", "big")
        set.append(bytes: value)
        _ = try await connection.send(set)
        #expect(try await connection.send(RedisCommand("GET", "big")).root.bytes == value)
        connection.close()
        try await server.kill9()
    }

    /// A server that stands still; what is pending fails, and nothing more is sent.
    @Test func deadlinesDestroyTheConnection() async throws {
        let server = try await RedisServer.bare()
        let connection = try await Self.open(.local(server.port))
        server.pause()
        async let patient = Self.error { try await connection.send(RedisCommand("PING"), deadline: .seconds(3600)) }
        async let hasty = Self.error { try await connection.send(RedisCommand("PING"), deadline: .milliseconds(200)) }
        async let batch = connection.send([RedisCommand("PING"), RedisCommand("PING")])
        #expect(await hasty?.code == .timedOut)
        // Whichever was sent first: both before the connection was destroyed, or one refused after it.
        let end = await patient?.code
        #expect(end == .timedOut || end == .notConnected)
        // Sent before the connection was destroyed, or refused after it.
        let codes: [RedisError.Code?] = await batch.map { if case .failure(let error) = $0 { error.code } else { nil } }
        #expect(codes.count == 2 && codes.allSatisfy { $0 == .timedOut || $0 == .notConnected })
        let late = await Self.error { try await connection.send(RedisCommand("PING")) }
        #expect(late?.code == .notConnected && late?.cause == .timedOut)
        #expect(await connection.closed().code == .timedOut)
        server.resume()
        try await server.kill9()
    }

    @Test func deadlinesOfSlowCommands() async throws {
        let server = try await RedisServer.bare()
        let connection = try await Self.open(.local(server.port) { $0.replyDeadline = .milliseconds(300) })
        let error = await Self.error { try await connection.send(RedisCommand("DEBUG", "SLEEP", "2")) }
        #expect(error?.code == .timedOut)
        let other = try await Self.open(.local(server.port) { $0.replyDeadline = .seconds(30) })
        #expect(try await other.send(RedisCommand("DEBUG", "SLEEP", "0.1")).root.string == "OK")
        other.close()
        try await server.kill9()
    }

    @Test func killedServers() async throws {
        let server = try await RedisServer.bare()
        let connection = try await Self.open(.local(server.port))
        async let blocked = Self.error {
            try await connection.send(RedisCommand("BLPOP", "nothing", "0"), deadline: .seconds(50))
        }
        let watcher = try await Self.open(.local(server.port))
        while try await watcher.send(RedisCommand("INFO", "clients")).root.string?.contains("blocked_clients:1") != true {}
        try await server.kill9()
        let error = await blocked
        #expect(error?.code == .closed && error?.isOutcomeUnknown == true)
    }

    @Test func retiredConnectionsAnswerWhatTheyWereAsked() async throws {
        let server = try await RedisServer.bare()
        let connection = try await Self.open(.local(server.port))
        async let slow = connection.send(RedisCommand("BLPOP", "list", "0"), deadline: .seconds(50))
        let other = try await Self.open(.local(server.port))
        while try await other.send(RedisCommand("INFO", "clients")).root.string?.contains("blocked_clients:1") != true {}
        connection.retire()
        #expect(await Self.error { try await connection.send(RedisCommand("PING")) }?.code == .notConnected)
        _ = try await other.send(RedisCommand("LPUSH", "list", "x"))
        #expect(try await slow.root.array.map(\.string) == ["list", "x"])
        #expect(await connection.closed().code == .closed)
        try await server.kill9()
    }

    // MARK: The handler alone

    /// All that is sent in one tick is one write.
    @Test func oneWritePerTick() async throws {
        let loop = EmbeddedEventLoop()
        let channel = EmbeddedChannel(loop: loop)
        let handler = RedisChannelHandler(node: RedisNode(host: "h", port: 1), usesTLS: false)
        try channel.pipeline.syncOperations.addHandler(handler)
        let deadline = loop.now + .seconds(5)
        let results = await withUnsafeContinuation {
            (continuation: UnsafeContinuation<[Result<RedisReply, RedisError>], Never>) in
            let half = [RedisCommand("PING"), RedisCommand("ECHO", "x")]
            handler.send(half, deadline: deadline, to: .batch(continuation, count: 2))
            #expect((try? channel.readOutbound(as: ByteBuffer.self)) == nil)
            loop.run()
            let written = try? channel.readOutbound(as: ByteBuffer.self)
            #expect(written.map { String(buffer: $0) } == "*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$1\r\nx\r\n")
            #expect((try? channel.readOutbound(as: ByteBuffer.self)) == nil)
            for byte in "+PONG\r\n$1\r\nx\r\n".utf8 { _ = try? channel.writeInbound(ByteBuffer(bytes: [byte])) }
        }
        #expect(try results.map { try $0.get().root.string } == ["PONG", "x"])
        _ = try channel.finish()
    }

    /// One timer for all: it looks at what is pending when it fires, and at nothing in between.
    @Test func deadlinesCountFromEachCommand() async throws {
        let loop = EmbeddedEventLoop()
        let channel = EmbeddedChannel(loop: loop)
        let handler = RedisChannelHandler(node: RedisNode(host: "h", port: 1), usesTLS: false)
        try channel.pipeline.syncOperations.addHandler(handler)
        try await channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1))
        func send() async -> [Result<RedisReply, RedisError>] {
            await withUnsafeContinuation { continuation in
                let ping = CollectionOfOne(RedisCommand("PING"))
                handler.send(ping, deadline: loop.now + .seconds(5), to: .batch(continuation, count: 1))
                loop.advanceTime(by: .seconds(4))
                _ = try? channel.writeInbound(ByteBuffer(string: "+PONG\r\n"))
            }
        }
        for _ in 0..<10 { #expect(try await send()[0].get().root.string == "PONG") }
        loop.advanceTime(by: .seconds(60))
        #expect(handler.failure == nil)
        let late = await withUnsafeContinuation { (continuation: UnsafeContinuation<[Result<RedisReply, RedisError>], Never>) in
            let ping = CollectionOfOne(RedisCommand("PING"))
            handler.send(ping, deadline: loop.now + .seconds(5), to: .batch(continuation, count: 1))
            loop.advanceTime(by: .milliseconds(4_999))
            #expect(handler.failure == nil)
            loop.advanceTime(by: .milliseconds(1))
        }
        #expect(throws: RedisError.self) { try late[0].get() }
        #expect(handler.failure?.code == .timedOut && !channel.isActive)
        _ = try? channel.finish()
    }

    @Test func repliesThatNobodyAskedFor() throws {
        let channel = EmbeddedChannel()
        let handler = RedisChannelHandler(node: RedisNode(host: "h", port: 1), usesTLS: false)
        try channel.pipeline.syncOperations.addHandler(handler)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        try channel.writeInbound(ByteBuffer(string: "+OK\r\n+OK\r\n"))
        #expect(handler.failure?.code == .protocolViolation)
        channel.embeddedEventLoop.run()
        #expect(!channel.isActive)
        _ = try? channel.finish()
    }

    static func error(_ body: () async throws -> some Any) async -> RedisError? {
        do {
            _ = try await body()
            return nil
        } catch {
            return error as? RedisError
        }
    }
}
