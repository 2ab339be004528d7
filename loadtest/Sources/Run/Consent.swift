import AsyncHTTPClient
import CardumeLoad
import Foundation

/// Asks the target whether it wants to be loaded. Nothing else is sent to a target that has not said so.
enum Consent {
    static let path = "/loadtest/v1/consent"
    private static let header = "X-Loadtest-Consent"

    private struct Answer: Decodable {
        let max_rate: Double
    }

    /// - Returns: the most that the target consents to, in messages per second; `nil` for one on this machine, which is not
    ///   asked.
    /// - Throws: a ``LoadFailure`` when it does not consent.
    static func ask(_ target: Target, _ client: HTTPClient) async throws -> Double? {
        guard !target.isLoopback else { return nil }
        guard let token = target.consent else {
            throw LoadFailure(
                "\(target.url) is another machine: it must be configured with `loadtest.consent`, and --consent must say the same"
            )
        }
        var request = HTTPClientRequest(url: target.url + Self.path)
        request.headers.add(name: "Authorization", value: "Bearer \(token)")
        let response: HTTPClientResponse
        let body: Data
        do {
            response = try await client.execute(request, timeout: .seconds(10))
            body = Data(buffer: try await response.body.collect(upTo: 1 << 16))
        } catch {
            throw LoadFailure("\(target.url) does not answer: \(error)")
        }
        guard response.status == .ok, response.headers.first(name: Self.header) == "granted",
            let answer = try? JSONDecoder().decode(Answer.self, from: body)
        else {
            throw LoadFailure(
                "\(target.url) does not consent to a load test (\(Self.path) answered \(response.status.code)): its key "
                    + "`loadtest.consent` must be set, and --consent must say the same")
        }
        return answer.max_rate
    }
}
