import AsyncHTTPClient
import CardumeActors
import CardumeCore
import CardumeRuntime
import Foundation
import NIOCore

/// Asks the processes of a deployment what they are doing.
struct TopScraper {
    struct Settings: Sendable {
        /// Processes that are asked, at least one.
        var addresses: [String]
        /// Of /admin; empty for none.
        var token: String
        /// Whether the members of the cluster are asked, too, where they tell their addresses.
        var followsMembers: Bool
    }

    private static let timeout = Duration.seconds(2)
    /// What dead letters have in common costs the journal's database more than the rest.
    private static let errorsInterval = Duration.seconds(10)

    private let settings: Settings
    private let client: SharedHTTPClient
    private let clock = SystemClock()
    private var errors: (body: DeadLetterAnalysisBody, at: Duration)?

    init(_ settings: Settings, client: SharedHTTPClient) {
        self.settings = settings
        self.client = client
    }

    private struct Failure: Error {
        let reason: String
    }

    /// Asks all at once; whoever does not answer within two seconds is named with the reason.
    mutating func read() async -> TopReading {
        var reading = TopReading(time: self.clock.wallTime, uptime: self.clock.uptime)
        let overview = await self.first("admin/overview", as: OverviewBody.self)
        switch overview {
        case .success(let (body, _)): reading.overview = body
        case .failure(let failure): reading.problems.append("/admin: \(failure.reason)")
        }
        let asker = self
        async let pools = asker.first("autoscaling/v1/pools", as: PoolsBody.self)
        let targets = await self.targets(overview)
        reading.processes = await self.processes(targets)
        if case .success(let (body, _)) = await pools { reading.pools = body.pools }
        if reading.overview != nil { reading.errors = await self.commonErrors(at: reading.uptime) }
        return reading
    }

    private mutating func commonErrors(at now: Duration) async -> DeadLetterAnalysisBody? {
        if let errors = self.errors, now - errors.at < Self.errorsInterval { return errors.body }
        let answer = await self.first("admin/dead-letters/analysis?since=1h&limit=10", as: DeadLetterAnalysisBody.self)
        guard case .success(let (body, _)) = answer else { return nil }
        self.errors = (body, now)
        return body
    }

    // MARK: Whom to ask

    private struct Target: Sendable {
        let name: String
        let address: String?
    }

    /// The configured addresses and, behind them, the members that are not among them.
    private func targets(_ overview: Result<(OverviewBody, String), Failure>) async -> [Target] {
        var targets = self.settings.addresses.map { Target(name: Self.name(of: $0), address: $0) }
        guard self.settings.followsMembers, case .success(let (body, address)) = overview, !body.members.isEmpty else {
            return targets
        }
        // The process that was asked may be one of them, under another address.
        let status: Result<AdminStatus, Failure> = await self.get("admin/status", at: address)
        let own = (try? status.get())?.member
        if let own, let index = targets.firstIndex(where: { $0.address == address }) {
            targets[index] = Target(name: own, address: address)
        }
        let asked = Set(self.settings.addresses.map { Self.name(of: $0) })
        for member in body.members where member.id != own {
            if let address = member.address, asked.contains(Self.name(of: address)) { continue }
            targets.append(Target(name: member.id, address: member.address))
        }
        return targets
    }

    /// `10.0.0.7:8080`.
    private static func name(of address: String) -> String {
        let rest = address.range(of: "://").map { address[$0.upperBound...] } ?? address[...]
        return rest.split(separator: "/").first.map(String.init) ?? address
    }

    private func processes(_ targets: [Target]) async -> [TopReading.Process] {
        await withTaskGroup(of: (Int, TopReading.Process).self) { group in
            for (index, target) in targets.enumerated() {
                group.addTask {
                    var process = TopReading.Process(name: target.name, address: target.address ?? "")
                    guard let address = target.address else {
                        process.problem = "it has no http.advertise"
                        return (index, process)
                    }
                    switch await self.page(at: address) {
                    case .success(let page): process.figures = MetricFigures(page)
                    case .failure(let failure): process.problem = failure.reason
                    }
                    return (index, process)
                }
            }
            return await group.reduce(into: []) { $0.append($1) }.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    // MARK: Asking

    /// The first answer that one of the addresses gives, with the address; the last one's failure when none does.
    private func first<Body: Decodable & Sendable>(
        _ path: String, as type: Body.Type
    ) async -> Result<(Body, String), Failure> {
        var failure = Failure(reason: "there is nobody to ask")
        for address in self.settings.addresses {
            let answer: Result<Body, Failure> = await self.get(path, at: address)
            switch answer {
            case .success(let body): return .success((body, address))
            case .failure(let latest): failure = latest
            }
        }
        return .failure(failure)
    }

    private func get<Body: Decodable>(_ path: String, at address: String) async -> Result<Body, Failure> {
        if path.hasPrefix("admin/"), self.settings.token.isEmpty {
            return .failure(Failure(reason: "no token (CARDUME_ADMIN_TOKEN); what /metrics says is all there is"))
        }
        switch await self.fetch(path, at: address) {
        case .failure(let failure): return .failure(failure)
        case .success(let data):
            let body = try? JSONDecoder().decode(Body.self, from: data)
            return body.map { .success($0) } ?? .failure(Failure(reason: "\(address) gave an answer that is not understood"))
        }
    }

    private func page(at address: String) async -> Result<String, Failure> {
        await self.fetch("metrics", at: address).map { String(decoding: $0, as: UTF8.self) }
    }

    private func fetch(_ path: String, at address: String) async -> Result<Data, Failure> {
        var request = HTTPClientRequest(url: HTTPAddress.join(address, path))
        if path.hasPrefix("admin/") { request.headers.add(name: "Authorization", value: "Bearer \(self.settings.token)") }
        do {
            let (head, body) = try await self.client.fetch(request, within: Self.timeout, upTo: 16 << 20)
            guard head.status == .ok else {
                let message = (try? JSONDecoder().decode(ErrorBody.self, from: body))?.error.message
                return .failure(
                    Failure(reason: "answered \(head.status.code)" + (message.map { ": \($0)" } ?? "")))
            }
            return .success(body)
        } catch let error as HTTPClientError where error == .deadlineExceeded || error == .connectTimeout {
            return .failure(Failure(reason: "no answer within 2 s"))
        } catch let error as IOError where error.errnoCode == ECONNREFUSED {
            return .failure(Failure(reason: "nobody listens there"))
        } catch {
            return .failure(Failure(reason: HTTPAddress.describe(error)))
        }
    }
}
