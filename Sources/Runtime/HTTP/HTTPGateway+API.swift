import CardumeCore
import Foundation
import HTTPTypes
import Hummingbird

extension HTTPGateway {
    private struct MessageReceipt: Encodable {
        let status: String
        let id: String
        let conversation: String
        let replies: [String]?
    }

    func postMessage(_ request: Request, _ context: Context) async throws -> Response {
        guard self.authenticator.allowsAPI(authorization: request.headers[.authorization]) else {
            throw APIError.unauthorized
        }
        context.admission.grant()
        try self.door.enter(.api)
        return try await self.limited(request, context) {
            let body = try await request.bytes(upTo: self.settings.bodyLimit)
            let posted = try PostedMessage(json: body)
            let message = try posted.message(receivedAt: self.clock(), traceID: context.traceID)
            guard let wait = posted.wait else {
                let outcomes = try await self.accept([message], from: .api)
                return try self.receipt(message, outcomes, nil, nil, request, context)
            }
            let (outcomes, replies, end) = try await self.waiter.replies(to: message, within: .seconds(wait)) {
                try await self.accept([message], from: .api)
            } isExpected: {
                // Nobody knows when what is in the spool will be answered.
                if case .appended = $0.first { true } else { false }
            }
            return try self.receipt(message, outcomes, replies, end, request, context)
        }
    }

    /// Counts the request for those who make it. Whether it was answered or refused for its faults, the answer says how many
    /// more they have.
    func limited(
        _ request: Request, _ context: Context, _ answer: () async throws -> Response
    ) async throws -> Response {
        let pass = try await self.door.take(self.door.callers(peer: context.peer, request.headers))
        do {
            var response = try await answer()
            response.headers.append(contentsOf: pass.headers)
            return response
        } catch var error as APIError {
            if error.isRefusal {
                await self.door.giveBack(pass)
            } else {
                error.headers.append(contentsOf: pass.headers)
            }
            throw error
        }
    }

    private func receipt(
        _ message: InboundMessage, _ outcomes: [IntakeOutcome], _ replies: [String]?, _ end: ReplyWaiter.End?,
        _ request: Request, _ context: Context
    ) throws -> Response {
        let isDuplicate = outcomes.first == .duplicate
        let status =
            switch end {
            case _ where isDuplicate: "duplicate"
            case .answered: "answered"
            case .failed: "failed"
            case nil: "queued"
            }
        return try JSONAnswer(
            status: status == "queued" ? .accepted : .ok,
            MessageReceipt(
                status: status, id: message.id.rawValue, conversation: message.conversation.rawValue,
                replies: isDuplicate ? nil : replies)
        ).response(from: request, context: context)
    }
}
