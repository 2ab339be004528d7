import Foundation
import HTTPTypes
public import Hummingbird
import Logging
import Synchronization

/// An OpenTelemetry collector that takes spans over HTTP in JSON, says what is wrong with them, and has bad moments.
public final class TraceCollector: Sendable {
    /// What becomes of one request.
    public enum Answer: Sendable {
        case taken
        /// Taken, but for some.
        case partial(rejected: Int)
        case status(Int, retryAfter: String? = nil)
        /// Nothing, for so long.
        case hang(Duration)
    }

    private struct State {
        var spans: [CollectedSpan] = []
        var problems: [String] = []
        var answers: [Answer] = []
        var requests = 0
        var sizes: [Int] = []
        var headers: [[String: String]] = []
        var otherwise = Answer.taken
    }

    private let state = Mutex(State())

    public init() {}

    /// All spans it has taken.
    public var spans: [CollectedSpan] { self.state.withLock { $0.spans } }
    /// What is wrong with the requests so far; empty for nothing.
    public var problems: [String] { self.state.withLock { $0.problems } }
    /// Those that it did not take included.
    public var requests: Int { self.state.withLock { $0.requests } }
    /// Spans of each request.
    public var sizes: [Int] { self.state.withLock { $0.sizes } }
    /// Of each request, names in lower case.
    public var headers: [[String: String]] { self.state.withLock { $0.headers } }

    /// The next requests get these answers, one each; then `otherwise`.
    public func answer(_ answers: [Answer], otherwise: Answer = .taken) {
        self.state.withLock { ($0.answers, $0.otherwise) = (answers, otherwise) }
    }

    /// The server, ready to run.
    ///
    /// - Parameter onListening: called with the port once connections are accepted.
    public func service(onListening: @escaping @Sendable (Int) async -> Void) -> some ApplicationProtocol {
        var quiet = Logger(label: "cardume.collector")
        quiet.logLevel = .critical
        let router = Router()
        router.post("/v1/traces") { request, _ in try await self.take(request) }
        return Application(
            router: router, configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { await onListening($0.localAddress?.port ?? 0) }, logger: quiet)
    }

    @concurrent private func take(_ request: Request) async throws -> Response {
        let buffer = try await request.body.collect(upTo: 64 << 20)
        let reading = OTLPReading(Data(buffer.readableBytesView))
        let headers = request.headers.map { ($0.name.canonicalName, $0.value) }
        let answer = self.state.withLock { state in
            state.requests += 1
            state.sizes.append(reading.spans.count)
            state.headers.append(Dictionary(headers) { first, _ in first })
            state.problems += reading.problems
            if request.headers[.contentType] != "application/json" { state.problems.append("not sent as JSON") }
            let answer = state.answers.isEmpty ? state.otherwise : state.answers.removeFirst()
            switch answer {
            case .taken: state.spans += reading.spans
            case .partial(let rejected): state.spans += reading.spans.dropLast(rejected)
            case .status, .hang: break
            }
            return answer
        }
        switch answer {
        case .taken:
            return Self.json("{}")
        case .partial(let rejected):
            return Self.json(#"{"partialSuccess":{"rejectedSpans":"\#(rejected)","errorMessage":"too odd"}}"#)
        case .status(let code, let retryAfter):
            var response = Response(status: HTTPResponse.Status(code: code))
            if let retryAfter { response.headers[.retryAfter] = retryAfter }
            return response
        case .hang(let duration):
            try await Task.sleep(for: duration)
            return Response(status: .serviceUnavailable)
        }
    }

    private static func json(_ text: String) -> Response {
        Response(
            status: .ok, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}
