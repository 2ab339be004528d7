import HTTPTypes
import Hummingbird

extension HTTPField.Name {
    static let loadtestConsent = HTTPField.Name("X-Loadtest-Consent")!
}

extension HTTPGateway {
    private struct LoadConsent: Encodable {
        let status = "consented"
        /// Messages per second.
        let max_rate: Int
    }

    /// `GET /loadtest/v1/consent`: whether this deployment may be put under load. cardume-loadtest asks before it sends anything
    /// else. 404 where nobody has configured it, 401 for whoever does not know what was configured.
    func consentToLoad(_ request: Request, _ context: Context) async throws -> Response {
        let settings = self.settings.loadtest
        guard settings.consent != nil else {
            throw APIError(status: .notFound, code: "not_found", message: "no such path")
        }
        guard self.authenticator.allowsLoad(authorization: request.headers[.authorization]) else { throw APIError.unauthorized }
        var response = try JSONAnswer(LoadConsent(max_rate: settings.maximumRate)).response(from: request, context: context)
        response.headers[.loadtestConsent] = "granted"
        return response
    }
}
