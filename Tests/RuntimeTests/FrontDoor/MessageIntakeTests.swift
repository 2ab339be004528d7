import CardumeCore
import CardumeTesting
import HTTPTypes
import Synchronization
import Testing

@testable import CardumeRuntime

/// Who is let in, by load and by rate.
@Suite struct MessageIntakeTests {
    private struct Bed {
        let store = MemoryStore()
        let meter: LoadMeter
        let door: FrontDoor
        let intake: MessageIntake
        let demands = DemandDouble()

        init(_ lines: String) throws {
            let yaml = """
                assistants: { financeiro: {}, suporte: {} }
                channels:
                  caixa: { assistant: financeiro }
                  loja: { assistant: suporte }
                \(lines)
                """
            let configuration = try CardumeConfiguration(yaml: yaml, file: "c.yaml", environment: [:])
            let (demands, store) = (self.demands, self.store)
            self.meter = LoadMeter(configuration.frontDoor.capacities, depths: { try demands.depths() }) { [:] }
            self.door = FrontDoor(configuration.frontDoor, meter: self.meter, limiter: LocalRateLimiter())
            self.intake = MessageIntake(routes: Live(configuration.routes), door: self.door) {
                try await store.append($0).map(IntakeOutcome.init)
            }
        }

        func measure(_ depths: [AssistantID: Int]) async {
            self.demands.set(depths)
            await self.meter.measure()
        }

        func accept(_ ids: [String], from source: FrontDoorSettings.Source = .evolution) async throws -> [IntakeOutcome] {
            try await self.intake.accept(ids.map(Self.message), from: source)
        }

        /// - Parameter id: `<channel>/<contact>/<id>`.
        static func message(_ id: String) -> InboundMessage {
            let parts = id.split(separator: "/").map(String.init)
            return InboundMessage(
                id: MessageID(id), conversation: Conversation.ID(channel: ChannelID(parts[0]), contact: ContactID(parts[1])),
                text: "oi", receivedAt: Timestamp(milliseconds: 1_795_176_000_000), replyAddress: parts[1], traceID: "t")
        }
    }

    private final class DemandDouble: Sendable {
        private let state = Mutex<[AssistantID: Int]?>([:])
        func set(_ depths: [AssistantID: Int]?) { self.state.withLock { $0 = depths } }
        func depths() throws -> [AssistantID: Int] {
            guard let depths = self.state.withLock({ $0 }) else { throw StoreError(.unavailable, "away") }
            return depths
        }
    }

    private static func status(_ code: Int, retries: Bool = true) -> @Sendable (any Error) -> Bool {
        { error in
            guard let error = error as? APIError else { return false }
            return error.status.code == code && (error.headers[.retryAfter] != nil) == retries
        }
    }

    @Test func atCriticalEachSourceHasItsPolicy() async throws {
        let bed = try Bed("load: { on_critical: { meta: reject } }")
        await bed.measure(["financeiro": 1_000])
        #expect(bed.meter.level == .critical)
        #expect(bed.meter.level(of: "suporte") == .low)
        #expect(try await bed.accept(["caixa/1/a"]) == [.appended("financeiro")], "Evolution's are accepted by default")
        await #expect(performing: { try await bed.accept(["caixa/1/b"], from: .meta) }, throws: Self.status(503))
        await #expect(performing: { try await bed.accept(["caixa/1/c"], from: .api) }, throws: Self.status(429))
        #expect(try await bed.accept(["loja/1/d"], from: .api) == [.appended("suporte")], "another assistant's load")
        #expect(bed.store.unsettled == 2)
        try bed.door.enter(.api)
        await bed.measure(["financeiro": 1_000, "suporte": 1_000])
        #expect(performing: { try bed.door.enter(.api) }, throws: Self.status(429))
        #expect(performing: { try bed.door.enter(.meta) }, throws: Self.status(503))
        try bed.door.enter(.evolution)
    }

    @Test func beyondTheLongestQueueNobodyIsLetIn() async throws {
        let bed = try Bed("load: { on_critical: { api: accept } }")
        await bed.measure(["financeiro": 10_000])
        await #expect(performing: { try await bed.accept(["caixa/1/a"]) }, throws: Self.status(503))
        await #expect(performing: { try await bed.accept(["caixa/1/b"], from: .api) }, throws: Self.status(429))
        // The rest of a delivery is queued; the sender repeats all of it, and what was queued is a duplicate then.
        let mixed = ["loja/1/c", "caixa/1/d", "loja/2/e"]
        await #expect(performing: { try await bed.accept(mixed, from: .meta) }, throws: Self.status(503))
        #expect(bed.store.unsettled == 2)
        await bed.measure([:])
        #expect(try await bed.accept(mixed, from: .meta) == [.duplicate, .appended("financeiro"), .duplicate])
    }

    /// A conversation that somebody else has taken over fills that one's queue.
    @Test func theHoldersLoadCounts() async throws {
        let bed = try Bed("")
        _ = try await bed.accept(["loja/1/a"])
        let given = LogTransfer(
            of: Conversation.ID(channel: "loja", contact: "1"), to: "financeiro", at: Timestamp(milliseconds: 1_795_176_000_000)
        )
        _ = try await bed.store.transfer(given)
        await bed.measure(["financeiro": 10_000])
        #expect(try await bed.accept(["loja/1/b"]) == [.appended("financeiro")], "learned with the first that passes")
        await #expect(performing: { try await bed.accept(["loja/1/c"]) }, throws: Self.status(503))
        #expect(try await bed.accept(["loja/2/d"]) == [.appended("suporte")])
    }

    @Test func theLastLevelStandsWhileNobodyCanBeAsked() async throws {
        let bed = try Bed("")
        #expect(bed.meter.staleness == "not measured yet")
        await bed.measure(["suporte": 850])
        #expect(bed.meter.staleness == nil && bed.meter.level == .high)
        bed.demands.set(nil)
        await bed.meter.measure()
        #expect(bed.meter.staleness == "away" && bed.meter.level == .high)
    }

    /// When nobody knows what the workers do, the queues they leave behind count all the same.
    @Test func aQueueIsSeenWithoutTheDatabase() async {
        let meter = LoadMeter(LoadCapacities(assistants: ["a": LoadCapacity()]), depths: { ["a": 20_000] }) {
            throw StoreError(.unavailable, "no database")
        }
        await meter.measure()
        #expect(meter.board["a"].isFull && meter.staleness == "no database")
    }

    @Test func longNamesTakeLittleRoom() throws {
        let long = String(repeating: "x", count: 100_000)
        #expect(FrontDoor.name(long).utf8.count < 128 && FrontDoor.name(long) != FrontDoor.name(long + "y"))
        let door = try Bed("").door
        let keys = ["Bearer abc", "bearer abc", "BEARER abc"].map {
            door.callers(peer: "192.0.2.1", [.authorization: $0, .clientID: long])
        }
        #expect(Set(keys).count == 1, "one caller")
        #expect(keys[0].map(\.dimension) == [.apiKey, .client, .ip])
    }

    @Test func aContactThatWritesTooMuchIsToldToWait() async throws {
        let bed = try Bed("rate_limits: { phone: { per_minute: 3 } }")
        for id in 0..<3 { _ = try await bed.accept(["loja/1/\(id)"]) }
        await #expect(performing: { try await bed.accept(["loja/1/3"]) }, throws: Self.status(429))
        #expect(try await bed.accept(["loja/2/4"]) == [.appended("suporte")], "nobody else is")
        let many = (0..<200).map { "loja/3/\($0)" }
        #expect(try await bed.accept(many, from: .meta).count == 200, "a delivery of many counts once")
        // One of two contacts is over its limit: what the other wrote is queued.
        await #expect(performing: { try await bed.accept(["loja/1/5", "loja/4/6"], from: .meta) }, throws: Self.status(429))
        #expect(try await bed.accept(["loja/4/6"]) == [.duplicate])
    }

    @Test func whatCannotBeStoredIsNotCounted() async throws {
        let bed = try Bed("rate_limits: { phone: { per_minute: 1 } }")
        bed.store.fail(with: StoreError(.full, "full"))
        for _ in 0..<5 { await #expect(throws: StoreError.self) { try await bed.accept(["loja/1/a"]) } }
        bed.store.fail(with: nil)
        #expect(try await bed.accept(["loja/1/a"]) == [.appended("suporte")])
    }

    @Test func gatewaysAreNotThrottledByDefault() async throws {
        let bed = try Bed("")
        for contact in 0..<3_000 { _ = try await bed.accept(["loja/\(contact)/a"]) }
        #expect(bed.store.unsettled == 3_000)
    }

    @Test func allCallersOfARequestAreCountedOrNone() async throws {
        let bed = try Bed("rate_limits: { client: { per_minute: 2 }, ip: { per_minute: 3 } }")
        let (client, ip) = (RateKey(.client, "a"), RateKey(.ip, "192.0.2.1"))
        for _ in 0..<2 { _ = try await bed.door.take([ip, client]) }
        for _ in 0..<5 {
            await #expect(performing: { _ = try await bed.door.take([ip, client]) }, throws: Self.status(429))
        }
        let last = try await bed.door.take([ip, RateKey(.client, "b")])
        #expect(last.headers.map(\.value).contains("0"), "the refusals have not used the address's last place")
        await #expect(performing: { _ = try await bed.door.take([ip, RateKey(.client, "c")]) }, throws: Self.status(429))
    }

    @Test func settingsMayChange() async throws {
        let bed = try Bed("")
        await bed.measure(["suporte": 900])
        let other = try CardumeConfiguration(
            yaml: """
                load: { queue_threshold: 10, total: { queue_threshold: 100000 } }
                assistants: { financeiro: {}, suporte: { load: { max_queue_length: 900 } } }
                """, file: "c", environment: ["PENDING_THRESHOLD": "7"])
        #expect(other.frontDoor.capacities.assistants["financeiro"]?.pendingThreshold == 7)
        #expect(other.frontDoor.capacities.total.queueThreshold == 100_000)
        bed.door.update(other.frontDoor)
        await #expect(performing: { try await bed.accept(["loja/1/a"]) }, throws: Self.status(503))
    }

    @Test func wrongProxiesAreNamed() {
        #expect {
            try CardumeConfiguration(yaml: "http: { trusted_proxies: \"10.0.0.0/8, proxy\" }", file: "c", environment: [:])
        } throws: {
            "\($0)".contains("\"proxy\" is neither an IP address nor a network")
        }
    }
}
