import NIOCore
import Testing

@testable import CardumeRuntime

/// Slots, URLs, errors, scripts: what is decided without a server.
@Suite struct RedisValueTests {
    // MARK: Slots

    /// The first is CRC-16/XMODEM's check value; the others were asked of a server with `CLUSTER KEYSLOT`.
    @Test(arguments: [
        ("123456789", 12739), ("", 0), ("foo", 12182), ("bar", 5061), ("hello", 866), ("cardume:{17}:log", 12304),
        ("17", 12304),
        ("{user1000}.following", 3443), ("{user1000}.followers", 3443), ("foo{}{bar}", 8363), ("foo{{bar}}zap", 4015),
        ("foo{bar}{zap}", 5061), ("{", 4092), ("}{", 12793), ("ação:{são}", 13162),
    ]) func slots(key: String, number: UInt16) {
        #expect(RedisSlot(key: key).number == number)
        #expect(RedisSlot(bytes: Array(key.utf8)) == RedisSlot(key: key))
    }

    // MARK: URLs

    @Test func urls() throws {
        let plain = try RedisSettings(url: "redis://localhost")
        #expect(plain.node == RedisNode(host: "localhost", port: 6379))
        #expect(plain.user == nil && plain.password == nil && plain.database == 0 && !plain.usesTLS && !plain.isCluster)

        let full = try RedisSettings(url: "rediss://ana:s%40o%3A%2Fp%25@redis.loja.example:7000/3")
        #expect(full.node == RedisNode(host: "redis.loja.example", port: 7000))
        #expect(full.user == "ana" && full.password == "s@o:/p%" && full.database == 3 && full.usesTLS)

        let alone = try RedisSettings(url: "REDIS://:p/a@ss@[fe80::1]:7001/", isCluster: true)
        #expect(alone.node == RedisNode(host: "fe80::1", port: 7001) && alone.node.description == "[fe80::1]:7001")
        #expect(alone.user == nil && alone.password == "p/a@ss" && alone.isCluster)
        #expect(try RedisSettings(url: "redis://[::1]").node == RedisNode(host: "::1", port: 6379))
    }

    @Test(arguments: [
        ("localhost:6379", "redis://"), ("http://localhost", "redis://"), ("redis://", "host"), ("redis://:s3cret@", "host"),
        ("redis://h:0", "port"), ("redis://h:65536", "port"), ("redis://h:x", "port"), ("redis://h:", "port"),
        ("redis://::1", "[ ]"), ("redis://[::1", "]"), ("redis://[::1]x", "]"), ("redis://h/x", "database"),
        ("redis://h/-1", "database"), ("redis://h/0?timeout=5", "?"), ("redis://s3cret@h", ":password@"),
        ("redis://u:s3cret%4@h", "%25"), ("redis://u:@h", "empty password"), ("redis://u:s3cret@h:bad", "port"),
        ("redis://my host", "host"),
    ]) func badURLs(url: String, hint: String) throws {
        let error = #expect(throws: RedisError.self) { try RedisSettings(url: url) }
        let message = try #require(error).message
        #expect(message.contains(hint), "\(message)")
        #expect(!message.contains("s3cret") && !message.contains("\n"))
        #expect(error?.remedy == .fixConfiguration)
    }

    @Test func clustersHaveOneDatabase() {
        #expect(throws: RedisError.self) { try RedisSettings(url: "redis://h/1", isCluster: true) }
    }

    // MARK: Errors

    @Test(arguments: [
        ("NOSCRIPT No matching script. Please use EVAL.", RedisError.Code.noScript, RedisRemedy.loadScript),
        ("LOADING Redis is loading the dataset in memory", .loading, .retry),
        ("READONLY You can't write against a read only replica.", .readOnly, .reresolve),
        ("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", .masterDown, .reresolve),
        ("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.", .busy, .retry),
        ("UNKILLABLE Sorry the script already executed write commands against the dataset.", .busy, .retry),
        ("MOVED 3999 127.0.0.1:6381", .moved, .redirect),
        ("ASK 3999 127.0.0.1:6381", .ask, .redirect),
        ("TRYAGAIN Multiple keys request during rehashing of slot", .tryAgain, .retry),
        ("CLUSTERDOWN Hash slot not served", .clusterDown, .retry),
        ("CROSSSLOT Keys in request don't hash to the same slot", .crossSlot, .fixProgram),
        ("NOREPLICAS Not enough good replicas to write.", .noReplicas, .retry),
        ("EXECABORT Transaction discarded because of previous errors.", .transactionAborted, .retry),
        ("MISCONF Errors writing to the AOF file: No space left on device", .misconfigured, .retry),
        ("OOM command not allowed when used memory > 'maxmemory'.", .outOfMemory, .full),
        ("UNBLOCKED client unblocked via CLIENT UNBLOCK", .unblocked, .retry),
        ("UNBLOCKED the stream key no longer exists", .unblocked, .retry),
        (
            "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)", .roleChanged,
            .reresolve
        ),
        ("WRONGPASS invalid username-password pair or user is disabled.", .wrongPassword, .fixConfiguration),
        ("NOAUTH Authentication required.", .wrongPassword, .fixConfiguration),
        ("NOPERM this user has no permissions to run the 'xadd' command", .noPermission, .fixConfiguration),
        ("DENIED Redis is running in protected mode", .refusedByConfiguration, .fixConfiguration),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", .wrongType, .fixProgram),
        ("NOGROUP No such key 'x' or consumer group 'g'", .noGroup, .fixProgram),
        ("ERR max number of clients reached", .tooManyClients, .reconnect),
        ("ERR AUTH <password> called without any password configured for the default user.", .wrongPassword, .fixConfiguration),
        ("ERR DB index is out of range", .refusedByConfiguration, .fixConfiguration),
        ("ERR This instance has cluster support disabled", .refusedByConfiguration, .fixConfiguration),
        ("ERR unknown command 'WAITAOF', with args beginning with: ", .reply, .fixProgram),
        (
            "ERR Error running script (call to f_0): @user_script:1: @user_script: 1: -OOM command not allowed", .outOfMemory,
            .full
        ),
        ("ERR Error running script (call to f_0): @user_script:1: user_script:1: attempt to add nil: -1", .reply, .fixProgram),
        ("FENCED by 7", .reply, .fixProgram), ("MOVEDX 1", .reply, .fixProgram), ("", .reply, .fixProgram),
    ]) func classifies(reply: String, code: RedisError.Code, remedy: RedisRemedy) {
        let error = RedisError(reply: reply)
        #expect(error.code == code)
        #expect(error.remedy == remedy)
        #expect(!error.isOutcomeUnknown)
    }

    @Test func tellsWhatIsUnknown() {
        #expect(RedisError(.timedOut, "").isOutcomeUnknown)
        #expect(RedisError(.closed, "").isOutcomeUnknown)
        #expect(!RedisError(.notConnected, "", cause: .closed).isOutcomeUnknown)
        #expect(RedisError(.notConnected, "", cause: .wrongPassword).remedy == .fixConfiguration)
        #expect(RedisError(reply: "FENCED by 7").word == "FENCED")
    }

    @Test func redirections() throws {
        let asked = RedisNode(host: "10.0.0.1", port: 6379)
        func target(_ reply: String) -> RedisNode? { RedisError(reply: reply).redirection(from: asked)?.node }
        #expect(target("MOVED 3999 10.0.0.2:6381") == RedisNode(host: "10.0.0.2", port: 6381))
        #expect(target("MOVED 3999 2001:db8::1:6381") == RedisNode(host: "2001:db8::1", port: 6381))
        #expect(target("ASK 3999 :6381") == RedisNode(host: "10.0.0.1", port: 6381))
        #expect(target("ASK 3999 ?:6381") == RedisNode(host: "10.0.0.1", port: 6381))
        for broken in [
            "MOVED", "MOVED 3999", "MOVED x 10.0.0.2:6381", "MOVED 16384 10.0.0.2:1", "MOVED 1 10.0.0.2", "ERR 1 h:1",
        ] {
            #expect(target(broken) == nil)
        }
    }

    @Test func redirectsEnd() {
        let (a, b) = (RedisNode(host: "a", port: 1), RedisNode(host: "b", port: 1))
        var redirects = RedisRedirects(patience: .seconds(1))
        #expect(redirects.failed(RedisError(reply: "ASK 7 b:1"), from: a, after: .zero) == .ask(b))
        for _ in 2...8 {
            let step = redirects.failed(RedisError(reply: "MOVED 7 b:1"), from: a, after: .zero)
            #expect(step == .moved(RedisSlot(number: 7), to: b))
        }
        #expect(redirects.failed(RedisError(reply: "MOVED 7 b:1"), from: a, after: .zero) == .fail)

        var waits = RedisRedirects(patience: .seconds(1))
        let tryAgain = RedisError(reply: "TRYAGAIN Multiple keys request during rehashing of slot")
        #expect(waits.failed(tryAgain, from: a, after: .zero) == .wait(.milliseconds(10)))
        #expect(waits.failed(tryAgain, from: a, after: .milliseconds(999)) == .wait(.milliseconds(20)))
        #expect(waits.failed(tryAgain, from: a, after: .seconds(1)) == .fail)
        #expect(waits.failed(RedisError(reply: "CLUSTERDOWN x"), from: a, after: .zero) == .fail)
    }

    // MARK: Commands and scripts

    @Test func commandsAreFormatted() {
        var command = RedisCommand("SET")
        command.append("ação")
        command.append(bytes: [0x0D, 0x0A, 0x00, 0xFF])
        command.append("")
        command.append(Int64.min)
        #expect(command.count == 5 && command.name == "SET")
        var buffer = ByteBuffer()
        buffer.writeRedisCommand(command)
        let expected =
            Array("*5\r\n$3\r\nSET\r\n$6\r\nação\r\n$4\r\n\r\n".utf8) + [0x00, 0xFF] + Array("\r\n$0\r\n\r\n$20\r\n".utf8)
            + Array("-9223372036854775808\r\n".utf8)
        #expect(Array(buffer.readableBytesView) == expected)

        var empty = ByteBuffer()
        empty.writeRedisCommand(RedisCommand(""))
        #expect(String(buffer: empty) == "*1\r\n$0\r\n\r\n")
    }

    @Test func scriptsAreNamedByDigest() {
        let script = RedisScript("return 1")
        #expect(script.digest == "e0e1f9fabfc9d4800c877a703b823ac0578ff8db")
        var command = script.command(keys: 1)
        command.append("k")
        command.append(7)
        var buffer = ByteBuffer()
        buffer.writeRedisCommand(script.withSource(command))
        #expect(String(buffer: buffer) == "*5\r\n$4\r\nEVAL\r\n$8\r\nreturn 1\r\n$1\r\n1\r\n$1\r\nk\r\n$1\r\n7\r\n")
    }

    // MARK: INFO

    @Test func unsuitableServersAreRefused() throws {
        let node = RedisNode(host: "h", port: 1)
        func report(_ changes: [String: String], cluster: Bool = false, save: String? = "3600 1") throws -> RedisServerReport {
            let good = [
                "redis_version": "7.0.15", "maxmemory_policy": "noeviction", "maxmemory": "1000", "aof_enabled": "1",
                "cluster_enabled": "0",
            ]
            let lines = good.merging(changes) { $1 }.map { "\($0.key):\($0.value)" }
            return try RedisInfo("# Server\r\n" + lines.joined(separator: "\r\n"))
                .report(on: node, snapshots: save, expectsCluster: cluster)
        }
        #expect(try report([:]).warnings == [])
        #expect(try report([:]).version == "7.0.15")
        #expect(try report(["redis_version": "6.2.0", "aof_enabled": "0"]).warnings.count == 1)
        #expect(try report(["aof_enabled": "0"], save: "").warnings.first?.contains("nothing") == true)
        #expect(try report(["cluster_enabled": "1"], cluster: true).isCluster)
        for (changes, cluster) in [
            (["redis_version": "6.0.16"], false), (["redis_version": "5.0"], false),
            (["maxmemory_policy": "volatile-lru"], false),
            (["cluster_enabled": "1"], false), ([:], true),
        ] {
            let error = #expect(throws: RedisError.self) { try report(changes, cluster: cluster) }
            #expect(error?.code == .unsuitable)
        }
    }
}
