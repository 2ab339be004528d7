import CardumeCore
import Foundation
import HTTPTypes
public import Hummingbird
import Logging

/// A fake model server, a fake Evolution server and a fake Cloud API behind one port, for trying and testing without any.
///
/// `POST /v1/chat/completions` answers `Recebi: <the messages since the last answer>`; `POST /message/sendText/{instance}` records a send;
/// `POST /{version}/{phone number id}/messages` records one, too; `POST /chat/findMessages/{instance}` answers truthfully; `GET /sandbox/sends` lists what was sent.
public struct Sandbox: Sendable {
    public let state: SandboxState
    private let host: String
    private let port: Int
    private let hooks: SandboxHooks

    /// - Parameters:
    ///   - port: 0 takes a free one.
    ///   - hooks: told of what happens. Defaults to nothing.
    public init(
        settings: SandboxSettings = SandboxSettings(), host: String = "127.0.0.1", port: Int = 0,
        hooks: SandboxHooks = SandboxHooks()
    ) {
        self.hooks = hooks
        self.state = SandboxState(settings: settings)
        self.host = host
        self.port = port
    }

    /// The server, ready to run.
    ///
    /// - Parameter onListening: called with the port once connections are accepted.
    public func service(onListening: @escaping @Sendable (Int) async -> Void) -> some ApplicationProtocol {
        var quiet = Logger(label: "cardume.sandbox")
        quiet.logLevel = .critical
        let router = Router()
        router.post("/v1/chat/completions") { request, context in try await self.complete(request, context) }
        router.post("/message/sendText/:instance") { request, context in try await self.sendText(request, context) }
        router.post("/chat/findMessages/:instance") { request, context in try await self.findMessages(request, context) }
        router.get("/instance/connectionState/:instance") { request, context in
            try await self.connectionState(request, context)
        }
        router.post("/chat/sendPresence/:instance") { request, context in try await self.sendPresence(request, context) }
        router.post("/:version/:number/messages") { request, context in try await self.sendMeta(request, context) }
        router.get("/sandbox/sends") { _, _ in try Self.json(self.state.sends) }
        return Application(
            router: router,
            configuration: ApplicationConfiguration(address: .hostname(self.host, port: self.port)),
            onServerRunning: { await onListening($0.localAddress?.port ?? 0) },
            logger: quiet)
    }

    // MARK: Model

    private struct Completion: Decodable {
        struct Message: Decodable {
            let role: String
            let content: String?
        }
        struct Tool: Decodable {
            struct Function: Decodable {
                struct Parameters: Decodable {
                    struct Property: Decodable {
                        let `enum`: [String]?
                    }
                    let properties: [String: Property]
                }
                let name: String
                let parameters: Parameters
            }
            let function: Function
        }
        let model: String
        let messages: [Message]
        let tools: [Tool]?
    }

    /// The arguments of a call for a message that asks for one of the values which the function knows, after the words
    /// `transfira para`, in any case.
    private static func arguments(_ text: String, _ function: Completion.Tool.Function) -> [String: String]? {
        guard let range = text.lowercased().range(of: "transfira para "),
            let wanted = text.lowercased()[range.upperBound...].split(separator: " ").first.map(String.init),
            let property = function.parameters.properties.first(where: { $0.value.enum?.contains(wanted) ?? false })
        else { return nil }
        return [property.key: wanted]
    }

    @concurrent private func complete(_ request: Request, _ context: some RequestContext) async throws -> Response {
        if let denied = try self.denied(request.headers[.authorization], "Bearer ") { return denied }
        self.noteTrace(request)
        let body = try await Self.decode(Completion.self, request)
        let begin = ContinuousClock.now
        let new = body.messages.reversed().prefix { $0.role == "user" }.reversed()
        let text = new.compactMap(\.content).joined(separator: " | ")
        let message = request.headers[HTTPField.Name("X-Client-Request-Id")!] ?? text
        let answer = "Recebi: \(text)"
        let usage = Answer.Usage(prompt_tokens: text.count / 4 + 1, completion_tokens: answer.count / 4 + 1)
        let (limits, isRefused) = self.state.admitModelCall(
            tokens: usage.prompt_tokens + usage.completion_tokens, at: Int64(Date().timeIntervalSince1970 * 1_000))
        guard !isRefused else {
            let error = ["message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"]
            return Self.adding(limits, to: try Self.json(["error": error], status: .tooManyRequests))
        }
        guard let (latency, fails) = self.state.beginModelCall(message: message, text: text) else {
            return try Self.tooManyRequests()
        }
        defer { self.state.endModelCall() }
        try await self.state.compute(latency)
        guard !fails else {
            return try Self.json(
                ["error": ["message": "The server is overloaded", "type": "server_error", "code": "server_is_overloaded"]],
                status: .serviceUnavailable)
        }
        if let function = body.tools?.first?.function, let arguments = Self.arguments(text, function) {
            // With a word of farewell when it is asked for politely.
            let content = text.lowercased().contains("por favor") ? "Um momento." : nil
            let json = String(decoding: try JSONEncoder().encode(arguments), as: UTF8.self)
            return try Self.json(ToolAnswer(model: body.model, content: content, function: function.name, json))
        }
        self.hooks.onModelAnswer(text, begin.duration(to: .now))
        let response = Answer(
            id: "chatcmpl-\(UUID().uuidString)", model: body.model,
            choices: [Answer.Choice(message: Answer.Message(content: answer))], usage: usage)
        return Self.adding(limits, to: try Self.json(response))
    }

    private static func adding(_ headers: [(name: String, value: String)], to response: Response) -> Response {
        var response = response
        for header in headers {
            if let name = HTTPField.Name(header.name) { response.headers[name] = header.value }
        }
        return response
    }

    private static func tooManyRequests() throws -> Response {
        var response = try Self.json(
            ["error": ["message": "Rate limit reached", "type": "requests", "code": "rate_limit_exceeded"]],
            status: .tooManyRequests)
        response.headers[.retryAfter] = "1"
        return response
    }

    private struct Answer: Encodable {
        struct Message: Encodable {
            let role = "assistant"
            let content: String
        }
        struct Choice: Encodable {
            let index = 0
            let message: Message
            let finish_reason = "stop"
        }
        struct Usage: Encodable {
            let prompt_tokens: Int
            let completion_tokens: Int
        }
        let id: String
        let object = "chat.completion"
        let model: String
        let choices: [Choice]
        let usage: Usage
    }

    // MARK: Evolution

    private struct SendText: Decodable {
        let number: String
        let text: String
    }

    @concurrent private func sendText(_ request: Request, _ context: some RequestContext) async throws -> Response {
        if let denied = try self.denied(request.headers[HTTPField.Name("apikey")!], "") { return denied }
        self.noteTrace(request)
        let instance = context.parameters.get("instance")?.removingPercentEncoding ?? ""
        let body = try await Self.decode(SendText.self, request)
        let (latency, fault) = self.state.beginSend()
        try await Task.sleep(for: latency)
        switch fault {
        case .refused:
            return try Self.evolutionError(
                .badRequest, "Bad Request", [["jid": body.number, "exists": false]])
        case .unavailable:
            return try Self.evolutionError(
                .notFound, "Not Found", ["The \"\(instance)\" instance does not exist"])
        case .errorBeforeSend:
            return Response(status: .badGateway, body: ResponseBody(byteBuffer: ByteBuffer(string: "<html>502</html>")))
        case .errorAfterSend:
            _ = self.record(instance, body)
            return try Self.evolutionError(.badRequest, "Bad Request", ["PrismaClientKnownRequestError"])
        case .hangBeforeSend:
            try await Task.sleep(for: self.state.settings.hang)
            return Response(status: .gatewayTimeout)
        case .hangAfterSend:
            _ = self.record(instance, body)
            try await Task.sleep(for: self.state.settings.hang)
            return Response(status: .gatewayTimeout)
        case nil:
            return try Self.json(Record(self.record(instance, body)), status: .created)
        }
    }

    private func record(_ instance: String, _ body: SendText) -> SandboxSend {
        let send = self.state.record(
            instance: instance, number: body.number, text: body.text, at: Int64(Date().timeIntervalSince1970 * 1_000))
        self.hooks.onSend(send)
        return send
    }

    // MARK: Cloud API

    private struct MetaMessage: Decodable {
        struct Text: Decodable {
            let body: String
        }
        let messaging_product: String
        let type: String
        let to: String?
        let recipient: String?
        let text: Text
    }

    @concurrent private func sendMeta(_ request: Request, _ context: some RequestContext) async throws -> Response {
        if let denied = try self.denied(request.headers[.authorization], "Bearer ") { return denied }
        self.noteTrace(request)
        let number = context.parameters.get("number")?.removingPercentEncoding ?? ""
        let body = try await Self.decode(MetaMessage.self, request)
        let (latency, fault) = self.state.beginSend()
        try await Task.sleep(for: latency)
        let contact = body.to ?? body.recipient ?? ""
        if fault != nil {
            return try Self.metaError(code: 131_047)
        }
        guard body.messaging_product == "whatsapp", body.type == "text", !contact.isEmpty else {
            return Response(status: .badRequest)
        }
        let send = self.record(number, SendText(number: contact, text: body.text.body))
        return try Self.json(["messages": [["id": "wamid.\(send.id)"]]])
    }

    private static func metaError(code: Int) throws -> Response {
        let body: [String: Any] = ["error": ["message": "(#\(code))", "type": "OAuthException", "code": code]]
        return Response(
            status: .badRequest, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: try JSONSerialization.data(withJSONObject: body))))
    }

    // MARK: What was sent

    private struct FindMessages: Decodable {
        struct Where: Decodable {
            struct Key: Decodable {
                let remoteJid: String?
                let fromMe: Bool?
            }
            struct Range: Decodable {
                let gte: String?
                let lte: String?
            }
            let key: Key?
            let messageTimestamp: Range?
        }
        let `where`: Where?
        let page: Int?
        let offset: Int?
    }

    private struct Record: Encodable {
        struct Key: Encodable {
            let remoteJid: String
            let fromMe = true
            let id: String
        }
        struct Content: Encodable {
            let conversation: String
        }
        let key: Key
        let status = "PENDING"
        let message: Content
        let messageType = "conversation"
        let messageTimestamp: Int64

        init(_ send: SandboxSend) {
            self.key = Key(remoteJid: send.number, id: send.id)
            self.message = Content(conversation: send.text)
            self.messageTimestamp = send.at / 1_000
        }
    }

    private struct Found: Encodable {
        struct Page: Encodable {
            let total: Int
            let pages: Int
            let currentPage: Int
            let records: [Record]
        }
        let messages: Page
    }

    @concurrent private func findMessages(_ request: Request, _ context: some RequestContext) async throws -> Response {
        if let denied = try self.denied(request.headers[HTTPField.Name("apikey")!], "") { return denied }
        self.noteTrace(request)
        let instance = context.parameters.get("instance")?.removingPercentEncoding ?? ""
        let body = try await Self.decode(FindMessages.self, request)
        let visible = Int64(Date().timeIntervalSince1970 * 1_000) - self.state.settings.recordDelay.milliseconds
        let range = body.where?.messageTimestamp
        // Like the real server: either bound alone is ignored.
        let bounds = zip([range?.gte].compactMap(Self.seconds), [range?.lte].compactMap(Self.seconds)).first { $0 <= $1 }
        let address = body.where?.key?.remoteJid
        func isMatch(_ send: SandboxSend) -> Bool {
            guard send.instance == instance, send.at <= visible else { return false }
            if let address, send.number != address { return false }
            return bounds.map { ($0.0...$0.1).contains(send.at / 1_000) } ?? true
        }
        let matches = Array(self.state.sends.reversed()).filter(isMatch)
        let size = max(1, body.offset ?? 50)
        let page = max(1, body.page ?? 1)
        return try Self.json(
            Found(
                messages: Found.Page(
                    total: matches.count, pages: (matches.count + size - 1) / size, currentPage: page,
                    records: matches.dropFirst((page - 1) * size).prefix(size).map(Record.init))))
    }

    private static func seconds(_ text: String?) -> Int64? {
        text.flatMap { try? Date($0, strategy: .iso8601) }.map { Int64($0.timeIntervalSince1970) }
    }

    // MARK: Both

    func noteTrace(_ request: Request) {
        self.state.note(traceparent: request.headers[HTTPField.Name("traceparent")!], path: request.uri.path)
    }

    func denied(_ header: String?, _ prefix: String) throws -> Response? {
        let key = self.state.settings.key
        guard !key.isEmpty, header != prefix + key else { return nil }
        return try Self.evolutionError(.unauthorized, "Unauthorized", ["Unauthorized"])
    }

    static func decode<Body: Decodable>(_ type: Body.Type, _ request: Request) async throws -> Body {
        let buffer = try await request.body.collect(upTo: 8 << 20)
        do {
            return try JSONDecoder().decode(type, from: Data(buffer.readableBytesView))
        } catch {
            throw HTTPError(.badRequest, message: "\(error)")
        }
    }

    private static func evolutionError(
        _ status: HTTPResponse.Status, _ error: String, _ message: [Any]
    ) throws -> Response {
        let body: [String: Any] = ["status": status.code, "error": error, "response": ["message": message]]
        return Response(
            status: status, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: try JSONSerialization.data(withJSONObject: body))))
    }

    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
        Response(
            status: status, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: try JSONEncoder().encode(value))))
    }
}
