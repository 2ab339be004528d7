import NIOCore
import NIOPosix

/// A TCP proxy that does on command what networks do by chance. It has its own event loop.
///
/// Reads as fast as it can and keeps in memory what it may not forward yet.
public final class FaultyProxy: Sendable {
    public enum Mode: Hashable, Sendable {
        /// Forwards everything.
        case pass
        /// Forwards everything, in order, this much later.
        case delay(toServer: Duration, toClient: Duration)
        /// A cut link: connections are accepted and stay, nothing is forwarded, no end and no reset either. What was sent
        /// meanwhile arrives when the mode changes.
        case stall
        /// The ambiguous case: once a client has sent something containing `containing` (anything, when empty), all is
        /// forwarded to the server, the first bytes of an answer that come after it are dropped, and both connections closed.
        /// After `times` cuts (by default unlimited) the mode is ``pass``.
        ///
        /// To a client that pipelines, these bytes may answer an earlier request: then both are in doubt.
        case cutAfterRequest(containing: String = "", times: Int = .max)
        /// A server that takes requests and brings nothing: once a client has sent something containing this text, no answer
        /// goes to that connection any more, which stays open. Others are not touched.
        case swallow(after: String)
        /// Connections, present and coming, are reset (RST).
        case reset
    }

    /// Where clients connect to, on 127.0.0.1.
    public let port: Int
    private let group: MultiThreadedEventLoopGroup
    private let loop: any EventLoop
    private let links: NIOLoopBound<ProxyLinks>

    private init(
        port: Int, group: MultiThreadedEventLoopGroup, loop: any EventLoop, links: NIOLoopBound<ProxyLinks>
    ) {
        self.port = port
        self.group = group
        self.loop = loop
        self.links = links
    }

    /// Returns once connections are accepted.
    public static func start(
        to port: Int, host: String = "127.0.0.1", mode: Mode = .pass
    ) async throws -> FaultyProxy {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        do {
            let loop = group.next()
            let target = try SocketAddress.makeAddressResolvingHost(host, port: port)
            let links = try await loop.submit {
                NIOLoopBound(ProxyLinks(loop: loop, target: target, mode: mode), eventLoop: loop)
            }.get()
            let listener = try await ServerBootstrap(group: group)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.autoRead, value: false)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(ProxyLink.ClientHandler(links.value, channel))
                    }
                }
                .bind(host: "127.0.0.1", port: 0).get()
            guard let bound = listener.localAddress?.port else { throw ServerError("the proxy has no address") }
            return FaultyProxy(port: bound, group: group, loop: loop, links: links)
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    /// Changes what happens to all connections, present and coming; in effect when it returns.
    public func set(_ mode: Mode) async throws {
        try await self.loop.submit { [links] in links.value.set(mode) }.get()
    }

    /// Closes all connections in an orderly way (FIN). New ones are treated as the mode says.
    public func closeAll() async throws {
        try await self.loop.submit { [links] in links.value.closeAll() }.get()
    }

    /// How many bytes have come from clients, over all connections.
    public var received: Int {
        get async throws { try await self.loop.submit { [links] in links.value.received }.get() }
    }

    /// How many connections clients have open.
    public var connections: Int {
        get async throws { try await self.loop.submit { [links] in links.value.count }.get() }
    }

    /// How many answers ``Mode/cutAfterRequest(containing:times:)`` has cut so far.
    public var cuts: Int {
        get async throws { try await self.loop.submit { [links] in links.value.cuts }.get() }
    }

    deinit {
        self.group.shutdownGracefully { _ in }
    }
}

/// All connections of one proxy. Confined to its event loop.
final class ProxyLinks {
    let loop: any EventLoop
    let target: SocketAddress
    private(set) var mode: FaultyProxy.Mode
    private(set) var cuts = 0
    private(set) var received = 0
    private var links: [ObjectIdentifier: ProxyLink] = [:]

    init(loop: any EventLoop, target: SocketAddress, mode: FaultyProxy.Mode) {
        self.loop = loop
        self.target = target
        self.mode = mode
    }

    var count: Int { self.links.count }

    func set(_ mode: FaultyProxy.Mode) {
        self.mode = mode
        for link in Array(self.links.values) { link.modeChanged() }
    }

    func closeAll() {
        for link in Array(self.links.values) { link.close() }
    }

    func added(_ link: ProxyLink) {
        self.links[ObjectIdentifier(link)] = link
        link.modeChanged()
    }

    func removed(_ link: ProxyLink) {
        self.links[ObjectIdentifier(link)] = nil
    }

    func received(_ bytes: Int) { self.received += bytes }

    func cut() {
        self.cuts += 1
        guard case .cutAfterRequest(let text, let times) = self.mode, times < .max else { return }
        self.set(times <= 1 ? .pass : .cutAfterRequest(containing: text, times: times - 1))
    }
}
