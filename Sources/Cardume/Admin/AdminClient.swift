import ArgumentParser
import AsyncHTTPClient
import CardumeRuntime
import Foundation
import NIOCore

/// How commands reach a running process.
struct AdminOptions: ParsableArguments {
    @OptionGroup var configuration: ConfigurationOptions
    @Option(
        help:
            "A process of the deployment. Defaults to $CARDUME_ADMIN_URL, then to http.host and http.port of the configuration."
    )
    var url: String?
    @Flag(help: "Print the answer as it came, as JSON.")
    var json = false

    /// Calls and prints the answer: as it came, or as `describe` puts it.
    func show<Answer: Decodable>(
        _ method: String, _ path: String, body: (any Encodable)? = nil, as type: Answer.Type,
        _ describe: (Answer) -> String
    ) async throws {
        let answer = try await self.client().call(method, path, body: body)
        if self.json { return AdminOutput.print(answer) }
        print(describe(try AdminOutput.decode(type, answer)))
    }

    /// - Throws: a ``CommandFailure`` that says what is missing.
    func client(needsToken: Bool = true) throws -> AdminClient {
        let configuration = try self.configuration.load()
        let environment = ProcessInfo.processInfo.environment
        let token = configuration.http.adminToken ?? ""
        guard !needsToken || !token.isEmpty else {
            throw CommandFailure(
                "there is no admin.token (CARDUME_ADMIN_TOKEN): the running process's own, one of its admin.tokens, or what "
                    + "`cardume admin login` prints")
        }
        return AdminClient(
            url: self.url ?? Self.standardURL(configuration), token: token,
            name: environment["CARDUME_OPERATOR"] ?? environment["USER"] ?? "admin")
    }

    /// Where a process is when nobody says so.
    static func standardURL(_ configuration: CardumeConfiguration) -> String {
        ProcessInfo.processInfo.environment["CARDUME_ADMIN_URL"]
            ?? "http://\(Self.reachable(configuration.http.host)):\(configuration.http.port)"
    }

    /// Where to call somebody who listens at `host`.
    private static func reachable(_ host: String) -> String {
        switch host {
        case "0.0.0.0": "127.0.0.1"
        case "::": "[::1]"
        default: host.contains(":") ? "[\(host)]" : host
        }
    }
}

/// The admin API of one process.
struct AdminClient: Sendable {
    let url: String
    let token: String
    /// Who calls.
    let name: String

    /// - Parameters:
    ///   - path: below `/admin/`, escaped.
    ///   - body: `nil` for none.
    /// - Throws: a ``CommandFailure`` with what the process said.
    func call(_ method: String, _ path: String, body: (any Encodable)? = nil) async throws -> Data {
        var request = HTTPClientRequest(url: HTTPAddress.join(self.url, "admin/\(path)"))
        request.method = .RAW(value: method)
        if !self.token.isEmpty { request.headers.add(name: "Authorization", value: "Bearer \(self.token)") }
        request.headers.add(name: "X-Cardume-Operator", value: self.name)
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(data: try JSONEncoder().encode(body)))
        }
        let status: UInt
        let answer: Data
        do {
            let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
            status = response.status.code
            answer = Data(buffer: try await response.body.collect(upTo: 16 << 20))
        } catch is NIOTooManyBytesError {
            throw CommandFailure(
                "the answer of \(self.url) is larger than 16 MiB; ask for less, with --limit where there is one")
        } catch {
            throw CommandFailure("cannot reach \(self.url): \(error); is it running? --url or CARDUME_ADMIN_URL says where")
        }
        guard (200..<300).contains(status) else {
            let message = (try? JSONDecoder().decode(ErrorBody.self, from: answer))?.error.message
            throw CommandFailure(message ?? "\(self.url) answered \(status)")
        }
        return answer
    }
}
