import DequeModule
import NIOCore
import NIOPosix

/// A client's connection through the proxy and the one to the server behind it. Confined to the proxy's event loop.
final class ProxyLink {
    /// Bytes on their way in one direction.
    private final class Lane {
        var waiting: Deque<(due: NIODeadline, bytes: ByteBuffer)> = []
        var latest = NIODeadline.uptimeNanoseconds(0)
        /// Nothing more will come.
        var hasEnded = false

        /// A delay that was shortened does not let later bytes overtake.
        func append(_ bytes: ByteBuffer, after delay: Duration) {
            self.latest = max(self.latest, .now() + TimeAmount(delay))
            self.waiting.append((self.latest, bytes))
        }
    }

    private enum Side {
        case client, server
    }

    private let links: ProxyLinks
    private let client: any Channel
    private var server: (any Channel)?
    private var isConnecting = false
    private var isClosed = false
    private let toServer = Lane()
    private let toClient = Lane()
    /// What the client sent last, as far as a text that is searched for may have begun in it.
    private var recent: [UInt8] = []
    private var isAnswerCut = false

    private init(_ links: ProxyLinks, client: any Channel) {
        self.links = links
        self.client = client
    }

    func modeChanged() {
        (self.recent, self.isAnswerCut) = ([], false)
        switch self.links.mode {
        case .stall:
            break
        case .reset:
            self.reset()
        case .pass, .delay, .cutAfterRequest, .swallow:
            self.connect()
            self.forward(from: .client)
            self.forward(from: .server)
            self.client.read()
            self.server?.read()
        }
    }

    func close() {
        guard !self.isClosed else { return }
        self.isClosed = true
        self.links.removed(self)
        self.client.close(promise: nil)
        self.server?.close(promise: nil)
    }

    private func reset() {
        for channel in [self.client, self.server].compactMap(\.self) {
            // Set at once, because this runs on the channel's event loop.
            _ = (channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        }
        self.close()
    }

    private func connect() {
        guard self.server == nil, !self.isConnecting, !self.isClosed else { return }
        self.isConnecting = true
        let link = NIOLoopBound(self, eventLoop: self.links.loop)
        ClientBootstrap(group: self.links.loop)
            .channelOption(.autoRead, value: false)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ServerHandler(link.value))
                }
            }
            .connect(to: self.links.target)
            .assumeIsolated().whenComplete { result in
                self.isConnecting = false
                switch result {
                case .success(let channel) where !self.isClosed:
                    self.server = channel
                    self.modeChanged()
                case .success(let channel): channel.close(promise: nil)
                case .failure: self.close()
                }
            }
    }

    // MARK: What came

    private func received(_ bytes: ByteBuffer, from side: Side) {
        guard !self.isClosed else { return }
        if side == .client { self.links.received(bytes.readableBytes) }
        switch (side, self.links.mode) {
        case (.client, .cutAfterRequest(let text, _)):
            self.search(text, in: bytes)
            self.toServer.append(bytes, after: .zero)
        case (.client, .swallow(let text)):
            self.search(text, in: bytes)
            self.toServer.append(bytes, after: .zero)
        case (.server, .cutAfterRequest) where self.isAnswerCut:
            self.close()
            self.links.cut()
        case (.server, .swallow) where self.isAnswerCut: break
        case (.client, .delay(let delay, _)): self.toServer.append(bytes, after: delay)
        case (.server, .delay(_, let delay)): self.toClient.append(bytes, after: delay)
        case (.client, _): self.toServer.append(bytes, after: .zero)
        case (.server, _): self.toClient.append(bytes, after: .zero)
        }
        self.forward(from: side)
    }

    private func ended(_ side: Side) {
        if side == .client { self.toServer.hasEnded = true } else { self.toClient.hasEnded = true }
        self.forward(from: side)
    }

    private func readAgain(_ side: Side) {
        guard self.links.mode != .stall else { return }
        if side == .client { self.client.read() } else { self.server?.read() }
    }

    private func search(_ text: String, in bytes: ByteBuffer) {
        let text = Array(text.utf8)
        self.recent += bytes.readableBytesView
        if self.recent.contains(text) { self.isAnswerCut = true }
        self.recent = Array(self.recent.suffix(max(text.count - 1, 0)))
    }

    // MARK: What goes on

    private func forward(from side: Side) {
        guard !self.isClosed, self.links.mode != .stall, let server = self.server else { return }
        switch side {
        case .client: self.forward(self.toServer, to: server, from: side)
        case .server: self.forward(self.toClient, to: self.client, from: side)
        }
    }

    private func forward(_ lane: Lane, to channel: any Channel, from side: Side) {
        let now = NIODeadline.now()
        while let first = lane.waiting.first, first.due <= now {
            channel.write(lane.waiting.removeFirst().bytes, promise: nil)
        }
        channel.flush()
        if let first = lane.waiting.first {
            self.links.loop.assumeIsolated().scheduleTask(deadline: first.due) { self.forward(from: side) }
        } else if lane.hasEnded {
            self.close()
        }
    }

    // MARK: Handlers

    final class ClientHandler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let links: ProxyLinks
        private let link: ProxyLink

        init(_ links: ProxyLinks, _ channel: any Channel) {
            self.links = links
            self.link = ProxyLink(links, client: channel)
        }

        func channelActive(context: ChannelHandlerContext) { self.links.added(self.link) }
        func channelInactive(context: ChannelHandlerContext) { self.link.ended(.client) }
        func channelReadComplete(context: ChannelHandlerContext) { self.link.readAgain(.client) }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { self.link.ended(.client) }
        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            self.link.received(self.unwrapInboundIn(data), from: .client)
        }
    }

    private final class ServerHandler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let link: ProxyLink

        init(_ link: ProxyLink) {
            self.link = link
        }

        func channelInactive(context: ChannelHandlerContext) { self.link.ended(.server) }
        func channelReadComplete(context: ChannelHandlerContext) { self.link.readAgain(.server) }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { self.link.ended(.server) }
        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            self.link.received(self.unwrapInboundIn(data), from: .server)
        }
    }
}
