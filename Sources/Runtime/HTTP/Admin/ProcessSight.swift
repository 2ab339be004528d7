import AsyncHTTPClient
public import CardumeCore
import Foundation

/// What only the processes themselves know: this one's part of it, and the way to the others.
public struct ProcessSight: Sendable {
    private typealias Header = ConversationExplainer.Forwarding

    private let name: String
    private let role: String
    private let startedAt: Timestamp
    private let leases: any LeaseStore
    private let client: SharedHTTPClient
    let gateways: @Sendable () -> [GatewayServerBody]
    let breakers: @Sendable () -> [BreakerBody]
    let traffic: @Sendable () -> TrafficBody?

    /// - Parameters:
    ///   - name: of this process; the member's id where it is one.
    ///   - leases: know the other processes.
    ///   - traffic: `nil` where nothing is counted.
    public init(
        name: String, role: String, startedAt: Timestamp, leases: any LeaseStore, client: SharedHTTPClient,
        gateways: @escaping @Sendable () -> [GatewayServerBody], breakers: @escaping @Sendable () -> [BreakerBody],
        traffic: @escaping @Sendable () -> TrafficBody?
    ) {
        self.name = name
        self.role = role
        self.startedAt = startedAt
        self.leases = leases
        self.client = client
        self.gateways = gateways
        self.breakers = breakers
        self.traffic = traffic
    }

    func own(at now: Timestamp) -> ProcessBody {
        ProcessBody(process: self.name, role: self.role, started_at: self.startedAt.text, at: now.text)
    }

    /// Asks all other members the same, with the caller's own right. Takes no longer than the slowest, two seconds at most.
    ///
    /// - Parameter path: under the root, without a slash before it.
    /// - Returns: their own parts, by name, and those who gave none.
    func askOthers(
        _ path: String, _ authorization: String
    ) async throws(StoreError) -> (processes: [ProcessBody], silent: [ProcessesBody.Silent]) {
        let others = try await self.leases.members().filter { $0.id.rawValue != self.name }
        let answers = await withTaskGroup(of: (Member.ID, Result<[ProcessBody], Problem>).self) { group in
            for member in others { group.addTask { (member.id, await self.ask(member, path, authorization)) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
        var (processes, silent): ([ProcessBody], [ProcessesBody.Silent]) = ([], [])
        for (member, answer) in answers.sorted(by: { $0.0 < $1.0 }) {
            switch answer {
            case .success(let bodies): processes += bodies
            case .failure(let problem): silent.append(.init(process: member.rawValue, problem: problem.text))
            }
        }
        return (processes, silent)
    }

    private struct Problem: Error {
        let text: String
    }

    private func ask(
        _ member: Member, _ path: String, _ authorization: String
    ) async -> Result<[ProcessBody], Problem> {
        guard let address = member.address else { return .failure(Problem(text: "it has no http.advertise")) }
        var request = HTTPClientRequest(url: HTTPAddress.join(address, path))
        request.headers.add(name: "Authorization", value: authorization)
        request.headers.add(name: Header.header, value: self.name)
        request.headers.add(name: Header.holderHeader, value: member.id.rawValue)
        do {
            let (head, body) = try await self.client.fetch(request, within: Header.timeout, upTo: 1 << 20)
            guard head.status == .ok else {
                return .failure(Problem(text: "\(address) answered \(head.status.code)"))
            }
            return .success(try JSONDecoder().decode(ProcessesBody.self, from: body).processes)
        } catch let error as HTTPClientError where error == .deadlineExceeded || error == .connectTimeout {
            return .failure(Problem(text: "\(address) did not answer within 2 s"))
        } catch {
            return .failure(Problem(text: "\(address): \(HTTPAddress.describe(error))"))
        }
    }
}
