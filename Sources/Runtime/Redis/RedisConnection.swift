package import NIOCore

/// One connection. Commands are answered in the order in which they were sent; all that is sent in one tick of the event
/// loop goes into one write.
///
/// A command that was sent cannot be taken back: cancelling the caller's task does not end the call, the deadline does.
/// When a deadline passes, the connection is destroyed, and with it every command that waits.
package final class RedisConnection: Sendable {
    package let node: RedisNode
    package let eventLoop: any EventLoop
    private let channel: any Channel
    private let handler: NIOLoopBound<RedisChannelHandler>
    private let replyDeadline: Duration
    private let executor: LoopTaskExecutor

    /// Called on the event loop of `channel`, whose pipeline has `handler`.
    init(channel: any Channel, handler: RedisChannelHandler, node: RedisNode, replyDeadline: Duration) {
        self.node = node
        self.eventLoop = channel.eventLoop
        self.channel = channel
        self.handler = NIOLoopBound(handler, eventLoop: channel.eventLoop)
        self.replyDeadline = replyDeadline
        self.executor = LoopTaskExecutor(channel.eventLoop)
    }

    /// Sends a command and waits for its reply. From any task; on the event loop without changing threads.
    ///
    /// - Parameter deadline: from now to the reply. Defaults to the settings' deadline.
    /// - Throws: the reply, if it is an error; ``RedisError/Code/notConnected`` when nothing was sent;
    ///   ``RedisError/Code/timedOut`` or ``RedisError/Code/closed`` when the outcome is unknown.
    package func send(_ command: RedisCommand, deadline: Duration? = nil) async throws(RedisError) -> RedisReply {
        let deadline = self.deadline(deadline)
        let result: Result<RedisReply, RedisError> = await self.resumingHere {
            await withUnsafeContinuation { continuation in
                self.onLoop { $0.send(CollectionOfOne(command), deadline: deadline, to: .single(continuation)) }
            }
        }
        return try result.get()
    }

    /// Sends commands one directly after the other, with nobody else's between them, and waits for all replies.
    ///
    /// - Throws: nothing after it began to send: then each command has its own outcome.
    package func send(
        _ commands: [RedisCommand], deadline: Duration? = nil
    ) async -> [Result<RedisReply, RedisError>] {
        if commands.isEmpty { return [] }
        let deadline = self.deadline(deadline)
        return await self.resumingHere {
            await withUnsafeContinuation { continuation in
                self.onLoop { $0.send(commands, deadline: deadline, to: .batch(continuation, count: commands.count)) }
            }
        }
    }

    /// Keeps a caller that is on the event loop there.
    ///
    /// A continuation resumes on the global pool first, also for an actor whose executor is the loop (Swift 6.3): two thread
    /// changes for each reply. Where the task prefers the loop, there are none.
    private func resumingHere<Value: Sendable>(_ body: () async -> Value) async -> Value {
        guard self.eventLoop.inEventLoop else { return await body() }
        return await withTaskExecutorPreference(self.executor, operation: body)
    }

    private func deadline(_ duration: Duration?) -> NIODeadline {
        self.eventLoop.now + TimeAmount(duration ?? self.replyDeadline)
    }

    private func onLoop(_ body: @escaping @Sendable (RedisChannelHandler) -> Void) {
        if self.eventLoop.inEventLoop {
            body(self.handler.value)
        } else {
            self.eventLoop.execute { body(self.handler.value) }
        }
    }

    /// Takes no more commands, and closes when all replies are there.
    package func retire() {
        self.onLoop { $0.retire() }
    }

    /// Closes at once. What is pending fails with ``RedisError/Code/closed``.
    package func close() {
        self.onLoop { $0.close(RedisError(.closed, "the connection was closed on this side")) }
    }

    /// Waits until the connection has ended and says why.
    func closed() async -> RedisError {
        try? await self.channel.closeFuture.get()
        return await withUnsafeContinuation { continuation in
            self.onLoop {
                continuation.resume(returning: $0.failure ?? RedisError(.closed, "\(self.node) closed the connection"))
            }
        }
    }
}

/// Runs tasks on an event loop.
private final class LoopTaskExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    init(_ eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
