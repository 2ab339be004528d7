import NIOCore

/// The protocol on one channel: commands out, replies in, in the same order, each within its deadline.
///
/// Commands are handed over by method, not through the pipeline, which would box each of them. All calls on the event loop.
final class RedisChannelHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Who waits for the next reply.
    enum Receiver {
        case single(UnsafeContinuation<Result<RedisReply, RedisError>, Never>)
        case batch(UnsafeContinuation<[Result<RedisReply, RedisError>], Never>, count: Int)

        func fail(_ error: RedisError) {
            switch self {
            case .single(let continuation): continuation.resume(returning: .failure(error))
            case .batch(let continuation, let count):
                continuation.resume(returning: Array(repeating: .failure(error), count: count))
            }
        }
    }

    private struct Pending {
        let receiver: Receiver
        let deadline: NIODeadline
        /// When it was handed over; long ago where nobody measures.
        let since: NIODeadline
    }

    private let node: RedisNode
    private let usesTLS: Bool
    private let meter: RedisMeter?
    private let reader = RedisReplyReader()
    private var pending = CircularBuffer<Pending>()
    /// What the batch at the head of `pending` has received so far.
    private var collected: [Result<RedisReply, RedisError>] = []
    private var context: ChannelHandlerContext?
    private var output = ByteBuffer()
    private var isFlushScheduled = false
    private var timer: Scheduled<Void>?
    private var timerDeadline = NIODeadline.distantFuture
    /// Whether anything was received; with TLS that means that the handshake is done.
    private var hasReceived = false
    private var isRetired = false
    private(set) var failure: RedisError?
    /// When what is being read came in, where somebody measures.
    private var readAt = NIODeadline.distantPast

    /// - Parameter meter: told of every reply. Defaults to nobody.
    init(node: RedisNode, usesTLS: Bool, meter: RedisMeter? = nil) {
        self.node = node
        self.usesTLS = usesTLS
        self.meter = meter
    }

    // MARK: Commands

    func send(_ commands: some Collection<RedisCommand>, deadline: NIODeadline, to receiver: Receiver) {
        guard self.failure == nil, !self.isRetired, let context = self.context else {
            receiver.fail(
                RedisError(
                    .notConnected, "no connection to \(self.node)\(self.failure.map { ": \($0)" } ?? "")",
                    cause: self.failure?.code ?? .closed))
            return
        }
        for command in commands { self.output.writeRedisCommand(command) }
        let since = self.meter == nil ? NIODeadline.distantPast : .now()
        self.pending.append(Pending(receiver: receiver, deadline: deadline, since: since))
        if deadline < self.timerDeadline { self.setTimer(deadline, context) }
        if !self.isFlushScheduled {
            self.isFlushScheduled = true
            // Runs after what is already waiting on the loop, whose commands then go into the same packet.
            context.eventLoop.assumeIsolated().execute { self.flush() }
        }
    }

    private func flush() {
        self.isFlushScheduled = false
        guard self.failure == nil, let context = self.context, self.output.readableBytes > 0 else { return }
        context.writeAndFlush(self.wrapOutboundOut(self.output), promise: nil)
        // Keeps the memory if the channel has written all of it, and takes new one otherwise.
        self.output.clear(minimumCapacity: 1024)
    }

    /// No more commands; closes once the last reply is there.
    func retire() {
        self.isRetired = true
        if self.pending.isEmpty { self.close(RedisError(.closed, "the connection to \(self.node) was given up")) }
    }

    /// Fails all that is pending and destroys the socket.
    func close(_ error: RedisError) {
        guard self.failure == nil else { return }
        self.failure = error
        self.timer?.cancel()
        self.timer = nil
        let pending = self.pending
        self.pending = []
        self.collected = []
        for entry in pending {
            self.meter?.failed(error)
            entry.receiver.fail(error)
        }
        self.context?.close(promise: nil)
    }

    // MARK: Deadlines

    /// One timer per connection. It looks at all that is pending, but only once in a deadline: a command whose deadline is
    /// not before the timer's does not touch it.
    private func setTimer(_ deadline: NIODeadline, _ context: ChannelHandlerContext) {
        self.timer?.cancel()
        self.timerDeadline = deadline
        self.timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { self.timerFired() }
    }

    private func timerFired() {
        self.timer = nil
        self.timerDeadline = .distantFuture
        guard let context = self.context, let earliest = self.pending.lazy.map(\.deadline).min() else { return }
        if earliest <= context.eventLoop.now {
            self.close(RedisError(.timedOut, "\(self.node) did not answer in time"))
        } else {
            self.setTimer(earliest, context)
        }
    }

    // MARK: Channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.close(RedisError(.closed, "the connection to \(self.node) was closed"))
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard self.failure == nil else { return }
        self.hasReceived = true
        if self.meter != nil { self.readAt = .now() }
        do {
            try self.unwrapInboundIn(data).withUnsafeReadableBytes { bytes in
                try self.reader.read(bytes) { self.received($0) }
            }
        } catch let error as RedisError {
            self.close(error)
        } catch {
            preconditionFailure("the reader throws nothing else")
        }
    }

    private func received(_ result: Result<RedisReply, RedisError>) {
        guard let head = self.pending.first else {
            return self.close(RedisError(.protocolViolation, "\(self.node) answered what was not asked"))
        }
        self.meter?.answered(result, after: self.readAt - head.since)
        switch head.receiver {
        case .single(let continuation):
            self.pending.removeFirst()
            continuation.resume(returning: result)
        case .batch(let continuation, let count):
            self.collected.append(result)
            guard self.collected.count == count else { return }
            self.pending.removeFirst()
            continuation.resume(returning: self.collected)
            self.collected = []
        }
        if self.isRetired { self.retire() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.close(RedisError(.closed, "\(self.node) closed the connection"))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.close(RedisError(connection: error, to: self.node, isSecure: !self.usesTLS || self.hasReceived))
    }
}
