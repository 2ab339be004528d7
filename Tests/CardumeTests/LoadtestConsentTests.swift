import CardumeTrials
import Testing

@testable import CardumeTesting

/// Whether a deployment may be put under load.
@Suite(.timeLimit(.minutes(2))) struct LoadtestConsentTests {
    private static let path = "/loadtest/v1/consent"

    @Test func whoeverKnowsTheTokenIsToldHowMuch() async throws {
        let deployment = try await Deployment(extra: "loadtest: { consent: pode-carregar, max_rate: 120 }")
        try await deployment.start()
        let answer = try await deployment.request("GET", Self.path, headers: ["Authorization": "Bearer pode-carregar"])
        #expect(answer.status == 200)
        #expect(answer.headers["x-loadtest-consent"] == "granted")
        #expect(answer.body == #"{"max_rate":120,"status":"consented"}"#)
        for headers in [[:], ["Authorization": "Bearer outro"], ["Authorization": "pode-carregar"]] {
            let refused = try await deployment.request("GET", Self.path, headers: headers)
            #expect(refused.status == 401)
            #expect(refused.headers["x-loadtest-consent"] == nil)
        }
        #expect(try await deployment.request("POST", Self.path).status == 405)
    }

    @Test func nobodyMayUnlessItIsConfigured() async throws {
        let deployment = try await Deployment()
        try await deployment.start()
        let answer = try await deployment.request("GET", Self.path, headers: ["Authorization": "Bearer "])
        #expect(answer.status == 404)
    }
}
