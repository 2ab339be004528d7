import HTTPTypes
import Hummingbird

extension HTTPField.Name {
    fileprivate static let openerPolicy = HTTPField.Name("Cross-Origin-Opener-Policy")!
    fileprivate static let resourcePolicy = HTTPField.Name("Cross-Origin-Resource-Policy")!
    fileprivate static let permissionsPolicy = HTTPField.Name("Permissions-Policy")!
    fileprivate static let referrerPolicy = HTTPField.Name("Referrer-Policy")!
}

/// `/panel`: the web panel, files that everybody may read. What they show comes from /admin, by the token of whoever has logged
/// in.
extension HTTPGateway {
    /// Nothing but what comes from here is loaded, run, asked, or shows the panel inside of itself.
    private static let panelHeaders: HTTPFields = [
        .contentSecurityPolicy: [
            "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'",
            "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
        ].joined(separator: "; "),
        .xContentTypeOptions: "nosniff",
        .referrerPolicy: "no-referrer",
        .openerPolicy: "same-origin",
        .resourcePolicy: "same-origin",
        .permissionsPolicy: "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ]

    func servePanel(on router: Router<Context>) {
        router.serve("/panel", [.get: self.showPanel, .head: self.showPanel])
        router.serve("/panel/:asset", [.get: self.showPanelAsset, .head: self.showPanelAsset])
    }

    /// Its files are named relative to `/panel/`, so that a proxy may put something before it.
    private func showPanel(_ request: Request, _ context: Context) async throws -> Response {
        guard request.uri.path.hasSuffix("/") else {
            guard self.settings.admin.isOpen else { throw Self.noPanel }
            return Response(
                status: .permanentRedirect,
                headers: Self.headers([.location: "panel/", .cacheControl: "no-cache"]))
        }
        return try self.answer(PanelAsset.start, request)
    }

    private func showPanelAsset(_ request: Request, _ context: Context) async throws -> Response {
        try self.answer(context.parameters.get("asset") ?? "", request)
    }

    private func answer(_ name: String, _ request: Request) throws -> Response {
        guard self.settings.admin.isOpen else { throw Self.noPanel }
        guard let asset = PanelAsset.byName[name] else {
            throw APIError(
                status: .notFound, code: "not_found", message: "the panel has no such file", headers: Self.panelHeaders)
        }
        let headers = Self.headers([.contentType: asset.kind.rawValue, .eTag: asset.tag, .cacheControl: "no-cache"])
        if Self.isKnown(asset.tag, request.headers[.ifNoneMatch]) {
            return Response(status: .notModified, headers: headers)
        }
        let response = Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: asset.content))
        return request.method == .head ? response.createHeadResponse() : response
    }

    /// As closed as /admin is.
    private static let noPanel = APIError(
        status: .notFound, code: "not_found", message: "no such path; admin.token or admin.users open /panel",
        headers: Self.panelHeaders)

    private static func headers(_ own: HTTPFields) -> HTTPFields {
        var headers = Self.panelHeaders
        headers.append(contentsOf: own)
        return headers
    }

    /// Whether `If-None-Match` names the tag, which a proxy that compresses may have weakened.
    private static func isKnown(_ tag: String, _ condition: String?) -> Bool {
        (condition ?? "").split(separator: ",").contains { candidate in
            let candidate = candidate.drop { $0 == " " }
            return candidate == "*" || (candidate.hasPrefix("W/") ? candidate.dropFirst(2) : candidate) == tag
        }
    }
}
