import CardumeTesting
import CardumeTrials
import Foundation
import Synchronization
import Testing

@testable import CardumeTesting

/// Rates and load at the doors of real processes.
@Suite(.serialized, .timeLimit(.minutes(3))) struct FrontDoorTests {
    private static let hundred = """
        load: { queue_threshold: 0, pending_threshold: 0, max_queue_length: 0 }
        rate_limits: { per_minute: 0, burst: 0, client: { per_minute: 100 } }
        """

    private static func body(_ number: Int) -> [UInt8] {
        Array(#"{"channel":"loja","contact":"\#(number)","text":"oi"}"#.utf8)
    }

    /// Calls of one client, at all doors at once.
    private static func hammer(_ doors: [SingleDoor], calls: Int) async throws -> [Answer] {
        let headers = ["Authorization": "Bearer \(Deployment.token)", "X-Client-ID": "painel"]
        return try await withThrowingTaskGroup(of: [Answer].self) { group in
            for worker in 0..<16 {
                group.addTask {
                    var answers: [Answer] = []
                    for call in stride(from: worker, to: calls, by: 16) {
                        let door = doors[call % doors.count]
                        answers.append(
                            try await door.request("POST", "/v1/messages", headers: headers, body: Self.body(call)))
                    }
                    return answers
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
    }

    @Test func fourGatewaysShareALimit() async throws {
        var options = ClusterDeployment.Options()
        options.door = Self.hundred
        let deployment = try await ClusterDeployment(options)
        var doors: [SingleDoor] = []
        for _ in 0..<4 { doors.append(SingleDoor(port: try await deployment.start("gateway").port())) }
        let answers = try await Self.hammer(doors, calls: 600)
        let (passed, refused) = (answers.filter { $0.status == 202 }, answers.filter { $0.status == 429 })
        #expect((99...101).contains(passed.count))
        #expect(passed.count + refused.count == 600)
        #expect(refused.allSatisfy { Int($0.headers["retry-after"] ?? "").map { (1...60).contains($0) } == true })
        #expect(refused.allSatisfy { $0.headers["x-ratelimit-remaining"] == "0" && $0.headers["x-ratelimit-limit"] == "100" })
        #expect(
            Set(passed.compactMap { $0.headers["x-ratelimit-remaining"].flatMap { Int($0) } }) == Set(0..<100),
            "each is told how many are left")
        #expect(try await deployment.depth() == passed.count, "what was refused was not stored")
        for door in doors {
            for path in ["/health", "/health/live", "/health/ready"] {
                for _ in 0..<60 { #expect(try await door.request("GET", path).status == 200) }
            }
        }
        print("front door: 600 calls at 4 gateways, \(passed.count) passed of a limit of 100")
    }

    /// What the shared window is for: processes that count for themselves let four times as many through.
    @Test func fourProcessesApartDoNot() async throws {
        var deployments: [Deployment] = []
        for _ in 0..<4 {
            let deployment = try await Deployment(door: Self.hundred)
            try await deployment.start()
            deployments.append(deployment)
        }
        let answers = try await Self.hammer(try deployments.map { SingleDoor(port: try $0.port) }, calls: 600)
        let passed = answers.count { $0.status == 202 }
        #expect(passed == 400)
        print("front door: 600 calls at 4 processes that count for themselves, \(passed) passed")
    }

    private struct Overload {
        var accepted: [Int] = []
        var refused: [Answer] = []
        var answers: [Answer] = []
        var deepest = 0
        var health: [Duration] = []
    }

    /// 150 webhooks a second for five seconds; the worker answers 50.
    private static func overload(_ deployment: ClusterDeployment) async throws -> Overload {
        let state = try await withThrowingTaskGroup(of: Overload.self) { group in
            let clock = ContinuousClock()
            let start = clock.now
            group.addTask {
                var watch = Overload()
                while clock.now - start < .seconds(5) {
                    let begin = clock.now
                    #expect(try await deployment.request("GET", "/health").status == 200)
                    watch.health.append(clock.now - begin)
                    watch.deepest = max(watch.deepest, try await deployment.depth())
                    try await clock.sleep(for: .milliseconds(50))
                }
                return watch
            }
            for number in 0..<750 {
                group.addTask {
                    try await clock.sleep(until: start + .milliseconds(number * 20 / 3))
                    let answer = try await deployment.request(
                        "POST", "/webhook/evolution", headers: ["apikey": Deployment.key],
                        body: Load.webhook(Load.contact(number), "M\(number)", "mensagem \(number)"))
                    return answer.status == 200
                        ? Overload(accepted: [number], answers: [answer]) : Overload(refused: [answer], answers: [answer])
                }
            }
            return try await group.reduce(into: Overload()) { sum, part in
                sum.accepted += part.accepted
                sum.refused += part.refused
                sum.answers += part.answers
                sum.deepest = max(sum.deepest, part.deepest)
                sum.health += part.health
            }
        }
        try await deployment.settle(replies: state.accepted.count)
        let texts = Set(deployment.sandbox.sends.map(\.text))
        #expect(state.accepted.allSatisfy { texts.contains("Recebi: mensagem \($0)") }, "something accepted was lost")
        #expect(state.answers.allSatisfy { $0.headers["x-system-load"] != nil && $0.headers["x-queue-depth"] != nil })
        return state
    }

    private static func overloaded(_ door: String, slots: Int = 5) async throws -> ClusterDeployment {
        var options = ClusterDeployment.Options()
        options.sandbox.modelLatency = .milliseconds(100)...(.milliseconds(100))
        options.door = door
        let deployment = try await ClusterDeployment(options)
        _ = try await deployment.startAll(workers: 1, environment: ["CARDUME_ASSISTANTS_SUPORTE_SLOTS": "\(slots)"])
        return deployment
    }

    @Test func threeTimesTheCapacityIsRefusedInTime() async throws {
        let deployment = try await Self.overloaded(
            """
            load: { queue_threshold: 40, pending_threshold: 0, max_queue_length: 100, on_critical: { evolution: reject } }
            rate_limits: { per_minute: 0 }
            """)
        let outcome = try await Self.overload(deployment)
        #expect(outcome.refused.count > 100)
        #expect(outcome.refused.allSatisfy { $0.status == 503 && Int($0.headers["retry-after"] ?? "") != nil })
        #expect(outcome.refused.allSatisfy { $0.headers["x-system-load"] == "critical" })
        // What arrives between two looks, a second apart, comes on top.
        #expect(outcome.deepest < 40 + 200)
        let levels = Set(outcome.answers.compactMap { $0.headers["x-system-load"] })
        #expect(levels.contains("low") && levels.contains("critical"))
        print(
            "front door at 3 times capacity: \(outcome.accepted.count) accepted and answered, \(outcome.refused.count) refused, "
                + "deepest queue \(outcome.deepest), slowest health \(outcome.health.max() ?? .zero)")
    }

    /// The same without limits: nothing is refused, and the queue grows for as long as it goes on.
    @Test func withoutLimitsTheQueueGrows() async throws {
        // So few that also a busy machine posts more than they can do.
        let deployment = try await Self.overloaded(Deployment.openDoor, slots: 2)
        let outcome = try await Self.overload(deployment)
        #expect(outcome.refused.isEmpty)
        #expect(outcome.deepest > 240, "no more than with limits")
        print("front door without limits: deepest queue \(outcome.deepest)")
    }
}
