public import CardumeCore
import Foundation
import HTTPTypes
public import Hummingbird
import HummingbirdCore
public import Logging
public import NIOCore

/// The program's doors: webhooks, the API and health.
public struct HTTPGateway: Sendable {
    typealias Context = GatewayContext
    typealias Handler = @Sendable (Request, Context) async throws -> Response

    private let live: Live<HTTPSettings>
    let admin: AdminAPI?
    private let traces: Traces?
    private let scaling: ScalingAPI?
    let door: FrontDoor
    let intake: MessageIntake
    let journal: any Journal
    let waiter: ReplyWaiter
    let health: HealthMonitor
    let conversations: ConversationOperations
    let clock: @Sendable () -> Timestamp
    let logger: Logger
    let meters: DoorMeters?
    private let page: (@Sendable () async -> String)?

    var settings: HTTPSettings { self.live.value }
    var authenticator: WebhookAuthenticator { WebhookAuthenticator(settings: self.settings) }

    /// - Parameters:
    ///   - settings: where it listens counts at the start; the rest may change at any time.
    ///   - admin: `nil` for none.
    ///   - traces: what requests at the doors make spans with; `nil` for none.
    ///   - scaling: `nil` for none.
    ///   - clock: wall time.
    ///   - metrics: shown at `/metrics`; `nil` for none.
    public init(
        settings: Live<HTTPSettings>, door: FrontDoor, intake: MessageIntake, journal: any Journal, waiter: ReplyWaiter,
        health: HealthMonitor, conversations: ConversationOperations, admin: AdminAPI? = nil, scaling: ScalingAPI? = nil,
        traces: Traces? = nil, clock: @escaping @Sendable () -> Timestamp, logger: Logger, metrics: MetricsRegistry? = nil
    ) {
        self.meters = metrics.map { DoorMeters($0) }
        if let metrics {
            self.page = { await metrics.page() }
        } else {
            self.page = nil
        }
        self.live = settings
        self.admin = admin
        self.traces = traces
        self.scaling = scaling
        self.door = door
        self.intake = intake
        self.journal = journal
        self.waiter = waiter
        self.health = health
        self.conversations = conversations
        self.clock = clock
        self.logger = logger
    }

    /// The server, ready to run.
    ///
    /// - Parameters:
    ///   - doors: whether it takes messages; without, it answers for its health, and operators.
    ///   - onListening: called with the port once connections are accepted.
    public func service(
        on group: any EventLoopGroup, doors: Bool = true, onListening: @escaping @Sendable (Int) async -> Void
    ) -> some ApplicationProtocol {
        var quiet = Logger(label: "cardume.http")
        quiet.logLevel = .critical
        return Application(
            router: self.router(doors: doors),
            // Longer than the longest wait a caller may ask for.
            server: .http1(configuration: HTTP1Channel.Configuration(idleTimeout: .seconds(90))),
            configuration: ApplicationConfiguration(
                address: .hostname(self.settings.host, port: self.settings.port), serverName: "cardume"),
            onServerRunning: { channel in await onListening(channel.localAddress?.port ?? 0) },
            eventLoopGroupProvider: .shared(group),
            logger: quiet)
    }

    private func router(doors: Bool) -> Router<Context> {
        let router = Router(context: Context.self)
        router.add(
            middleware: AnswerMiddleware(
                logger: self.logger, door: doors ? self.door : nil, meters: self.meters, traces: doors ? self.traces : nil))
        self.serve(router, "/health", [.get: self.health.summary])
        self.serve(router, "/health/live", [.get: self.health.live])
        self.serve(router, "/health/ready", [.get: self.health.ready])
        if let page = self.page {
            self.serve(router, "/metrics", [.get: { _, _ in Response(metrics: await page()) }])
        }
        for (path, handlers) in self.scaling?.routes ?? [] { self.serve(router, path, handlers) }
        if let admin = self.admin {
            self.serve(admin, on: router)
            self.servePanel(on: router)
        }
        guard doors else { return router }
        let evolution = self.metered(.evolution, isWebhook: true, self.evolution)
        self.serve(router, "/webhook/evolution", [.post: evolution])
        // The server appends the event's name to the path when it is set to send "by events"; the body says it again.
        self.serve(router, "/webhook/evolution/:event", [.post: evolution])
        let meta = self.metered(.meta, isWebhook: true, self.meta)
        self.serve(router, "/webhook/meta", [.get: self.verifyMeta, .post: meta])
        self.serve(router, "/loadtest/v1/consent", [.get: self.consentToLoad])
        self.serve(router, "/v1/messages", [.post: self.metered(.api, isWebhook: false, self.postMessage)])
        self.serve(router, "/v1/conversations/:conversation/release", [.post: self.releaseConversation])
        self.serve(router, "/v1/conversations/:conversation/transfer", [.post: self.transferConversation])
        return router
    }

    /// Serves `handlers` at `path`, and answers other methods with 405.
    private func serve(
        _ router: Router<Context>, _ path: RouterPath, _ handlers: [HTTPRequest.Method: Handler]
    ) {
        router.serve(path, handlers)
    }

    /// Counts what is turned away; what comes in is counted where it does.
    private func metered(
        _ source: FrontDoorSettings.Source, isWebhook: Bool, _ handler: @escaping Handler
    ) -> Handler {
        guard let meters = self.meters else { return handler }
        return { request, context in
            do {
                return try await handler(request, context)
            } catch {
                if isWebhook { meters.webhookFailed(error, from: source) }
                if let error = error as? APIError, error.isRefusal { meters.refused(error.code, from: source) }
                throw error
            }
        }
    }

    private func log(_ message: InboundMessage, _ outcome: IntakeOutcome, _ source: FrontDoorSettings.Source) {
        self.meters?.received(message, outcome, from: source)
        var metadata: Logger.Metadata = [
            "trace_id": "\(message.traceID)", "message_id": "\(message.id)", "conversation": "\(message.conversation)",
            "source": "\(source.rawValue)",
        ]
        switch outcome {
        case .appended(let assistant):
            metadata["assistant"] = "\(assistant)"
            self.logger.info("message queued", metadata: metadata)
        case .spooled:
            self.logger.info("message spooled", metadata: metadata)
        case .duplicate:
            self.logger.debug("message seen before", metadata: metadata)
        }
    }

    /// Appends what a webhook brought. Its sender hears of success only when all of it is durable.
    func accept(
        _ messages: [InboundMessage], from source: FrontDoorSettings.Source
    ) async throws -> [IntakeOutcome] {
        do {
            let (messages, outcomes) = try await self.append(messages, from: source)
            for (message, outcome) in zip(messages, outcomes) { self.log(message, outcome, source) }
            return outcomes
        } catch let error as APIError {
            throw error
        } catch let error as UnknownChannel {
            self.meters?.refused("unknown_channel", from: source)
            self.logger.error(
                "message for a channel that is not configured",
                metadata: ["channel": "\(error.channel)", "source": "\(source.rawValue)"])
            throw APIError.unavailable("channel \(error.channel) is not configured")
        } catch {
            self.meters?.refused("store", from: source)
            self.logger.error("message not accepted", metadata: ["error": "\(error)", "source": "\(source.rawValue)"])
            throw APIError.unavailable("the message could not be stored; send it again")
        }
    }

    /// - Returns: the messages as they stand in the log, with their place in the trace.
    private func append(
        _ messages: [InboundMessage], from source: FrontDoorSettings.Source
    ) async throws -> (messages: [InboundMessage], outcomes: [IntakeOutcome]) {
        var messages = messages
        let trace = AppendTrace(messages: messages.count, self.traces)
        if let span = trace.carried {
            for index in messages.indices { messages[index].details.span = span }
        }
        do {
            let outcomes = try await self.intake.accept(messages, from: source)
            trace.ended(nil)
            return (messages, outcomes)
        } catch {
            trace.ended(error)
            throw error
        }
    }
}

/// Gives every answer its trace id, and at the doors the load; turns every error into JSON, and logs what fails.
struct AnswerMiddleware: RouterMiddleware {
    let logger: Logger
    /// `nil` where there are no doors.
    let door: FrontDoor?
    let meters: DoorMeters?
    /// `nil` where requests get no spans.
    let traces: Traces?

    @concurrent func handle(
        _ request: Request, context: GatewayContext,
        next: @concurrent (Request, GatewayContext) async throws -> Response
    ) async throws -> Response {
        let begin = ContinuousClock.now
        // Probes and operators have no part in what happens to a message.
        let isAtDoor = request.uri.path.hasPrefix("/webhook/") || request.uri.path.hasPrefix("/v1/")
        let trace = RequestTrace(request, isAtDoor ? self.traces : nil)
        let traceID = trace.trace.traceID
        var own = context
        own.traceID = traceID
        let context = own
        var response: Response
        do {
            response = try await trace.run { try await next(request, context) }
        } catch let error as APIError {
            response = try error.response(from: request, context: context)
        } catch let error as HTTPError where error.status == .notFound {
            response = try APIError(status: .notFound, code: "not_found", message: "no such path")
                .response(from: request, context: context)
        } catch let error as any HTTPResponseError {
            response = try APIError(status: error.status, code: "error", message: "\(error.status.reasonPhrase)")
                .response(from: request, context: context)
        } catch {
            self.logger.error("request failed", metadata: ["error": "\(error)", "path": "\(request.uri.path)"])
            response = try APIError(status: .internalServerError, code: "internal", message: "unexpected error")
                .response(from: request, context: context)
        }
        self.meters?.answered(
            context.endpointPath, status: Int(response.status.code), after: begin.duration(to: .now))
        trace.ended(
            request.method, context.endpointPath, response.status, isAdmitted: context.admission.isGranted)
        response.headers[.traceID] = traceID
        if let door, response.headers[.systemLoad] == nil { response.headers.append(contentsOf: door.headers) }
        if response.status.code >= 400 {
            self.logger.notice(
                "request refused",
                metadata: [
                    "status": "\(response.status.code)", "method": "\(request.method.rawValue)", "path": "\(request.uri.path)",
                    "trace_id": "\(traceID)",
                ])
        }
        return response
    }
}

extension Response {
    init(metrics page: String) {
        self.init(
            status: .ok, headers: [.contentType: PrometheusText.contentType],
            body: ResponseBody(byteBuffer: ByteBuffer(string: page)))
    }
}
