import CardumeCore
import HTTPTypes
import Hummingbird
import NIOCore

extension HTTPGateway {
    /// What a webhook's sender is told.
    private struct Receipt: Encodable {
        /// `queued`, `duplicate`, `ignored` or `recorded`.
        let status: String
        var accepted = 0
        var duplicates = 0
        var reason: String?
    }

    /// Evolution repeats what is answered with 5xx, and drops what is answered with 400 or 401.
    func evolution(_ request: Request, _ context: Context) async throws -> Response {
        guard
            await self.authenticator.allowsEvolution(
                apikey: request.headers[.apikey], authorization: request.headers[.authorization])
        else { throw APIError.unauthorized }
        context.admission.grant()
        try self.door.enter(.evolution)
        let body = try await request.bytes(upTo: self.settings.bodyLimit)
        let arrival = Arrival(receivedAt: self.clock(), traceID: context.traceID)
        let webhook: NormalisedWebhook
        do {
            webhook = try EvolutionNormaliser.normalise(body, arrival: arrival)
        } catch {
            try await self.recordRejected(body, "evolution", error.reason, arrival)
            throw APIError.badRequest(error.reason)
        }
        return try await self.receipt(webhook, .evolution, request, context)
    }

    /// Meta repeats whatever is not answered with 200 for days, so a signed body that makes no sense is recorded instead.
    func meta(_ request: Request, _ context: Context) async throws -> Response {
        // Before the signature, which is over the body.
        try self.door.enter(.meta)
        let body = try await request.bytes(upTo: self.settings.bodyLimit)
        guard self.authenticator.allowsMeta(signature: request.headers[.hubSignature], body: body) else {
            throw APIError.unauthorized
        }
        context.admission.grant()
        let arrival = Arrival(receivedAt: self.clock(), traceID: context.traceID)
        let webhook: NormalisedWebhook
        do {
            webhook = try MetaNormaliser.normalise(body, arrival: arrival)
        } catch {
            try await self.recordRejected(body, "meta", error.reason, arrival)
            self.meters?.webhook("rejected", from: .meta)
            return try JSONAnswer(Receipt(status: "recorded", reason: error.reason)).response(from: request, context: context)
        }
        let receipt = try await self.receipt(webhook, .meta, request, context)
        // Its good messages do not depend on the record of the others.
        if let reason = webhook.dropped { try? await self.recordRejected(body, "meta", reason, arrival) }
        return receipt
    }

    func verifyMeta(_ request: Request, _ context: Context) async throws -> Response {
        guard let challenge = request.query("hub.challenge"),
            self.authenticator.allowsVerification(mode: request.query("hub.mode"), token: request.query("hub.verify_token"))
        else { return Response(status: .forbidden) }
        context.admission.grant()
        return Response(
            status: .ok, headers: [.contentType: "text/plain; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: challenge)))
    }

    private func receipt(
        _ webhook: NormalisedWebhook, _ source: FrontDoorSettings.Source, _ request: Request, _ context: Context
    ) async throws -> Response {
        let outcomes = try await self.accept(webhook.messages, from: source)
        for notice in webhook.notices { self.log(notice) }
        let duplicates = outcomes.count { $0 == .duplicate }
        let accepted = outcomes.count - duplicates
        let status = accepted > 0 ? "queued" : duplicates > 0 ? "duplicate" : "ignored"
        self.meters?.webhook(status, from: source)
        return try JSONAnswer(
            Receipt(
                status: status,
                accepted: accepted, duplicates: duplicates, reason: webhook.ignored)
        ).response(from: request, context: context)
    }

    private func log(_ notice: GatewayNotice) {
        switch notice {
        case .delivery(let id, let status) where ["failed", "ERROR"].contains(status):
            self.logger.warning("a message sent earlier was not delivered", metadata: ["provider_id": "\(id)"])
        case .delivery(let id, let status):
            self.logger.debug("delivery status", metadata: ["provider_id": "\(id)", "status": "\(status)"])
        case .connection(let instance, let state):
            self.logger.notice("gateway connection", metadata: ["channel": "\(instance)", "state": "\(state)"])
        }
    }

    /// Keeps a body that makes no sense, or in part.
    ///
    /// - Throws: when even that fails, which is logged: what its sender is told to make them repeat it.
    private func recordRejected(
        _ body: [UInt8], _ source: String, _ reason: String, _ arrival: Arrival
    ) async throws {
        self.logger.warning(
            "webhook rejected",
            metadata: ["source": "\(source)", "reason": "\(reason)", "trace_id": "\(arrival.traceID)"])
        do {
            try await self.journal.recordRejected(
                RejectedWebhook(source: source, reason: reason, body: body, receivedAt: arrival.receivedAt))
        } catch {
            self.logger.error("rejected webhook not recorded", metadata: ["error": "\(error)"])
            throw APIError.unavailable("the webhook could not be recorded; send it again")
        }
    }
}
