public import CardumeCore
import Foundation
public import Logging
import Synchronization

/// Takes messages while the log is away, or a part of it, and appends them in order as soon as it is back.
///
/// A log that refuses (``StoreError/Code/full`` and the like) is not away: its answer goes to the sender.
public final class MessageSpool: Sendable {
    struct State {
        var gate: SpoolGate
        /// What stored messages, and those that are being stored, take.
        var reserved: Int
        var waiting: [CheckedContinuation<Void, Never>] = []
        /// Whether somebody will open the gate.
        var isRunning = true
        /// Since the straight way was closed.
        var replayed = 0
    }

    let file: SpoolFile
    let log: any PartitionLog
    private let limit: Live<Int>
    private let patience: Live<Duration>
    let prepare: @Sendable () async throws -> Void
    let logger: Logger
    let state: Mutex<State>
    let signals = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    /// Of lines about a log, or a part of it, that is away.
    let absences = LineLimit(every: .seconds(10))
    /// Of lines about what the log, or the disk, refuses.
    let refusals = LineLimit(every: .seconds(10))

    /// - Parameters:
    ///   - folder: created when missing; used by one process at a time.
    ///   - limit: bytes that messages may take there.
    ///   - patience: how long the log may take before it counts as away.
    ///   - prepare: looks whether the log is what it should be. Called until it returns, before anything is appended.
    /// - Throws: a ``StoreError`` when the folder cannot be used.
    public init(
        folder: String, limit: Int, patience: Duration, log: any PartitionLog, logger: Logger,
        prepare: @escaping @Sendable () async throws -> Void = {}
    ) throws(StoreError) {
        self.file = try SpoolFile(folder: folder)
        let contents = try self.file.contents()
        self.log = log
        self.limit = Live(limit)
        self.patience = Live(patience)
        self.prepare = prepare
        self.logger = logger
        let gate = SpoolGate(
            messages: contents.messages, bytes: contents.bytes, nextNumber: contents.lastNumber + 1, isOpen: false)
        self.state = Mutex(State(gate: gate, reserved: contents.bytes))
        self.signals.continuation.yield()
    }

    /// What it holds.
    public var contents: (messages: Int, bytes: Int) { self.state.withLock { ($0.gate.messages, $0.gate.bytes) } }

    public var maximumBytes: Int { self.limit.value }

    /// With less room than there is in use, nothing is lost; nothing more is taken.
    public func update(limit: Int, patience: Duration) {
        self.limit.set(limit)
        self.patience.set(patience)
    }

    /// Gives up the folder. No call may be in progress.
    public func close() { self.file.close() }

    // MARK: Taking

    /// Makes messages durable: in the log if it can be reached and nothing stands before them here, else on disk.
    ///
    /// - Throws: what the log says when it refuses; ``StoreError/Code/full`` when there is no room here.
    public func append(_ messages: [LogAppend]) async throws(StoreError) -> [IntakeOutcome] {
        while true {
            let (way, number) = self.state.withLock { state in
                state.gate.arrived(messages.count)
            }
            switch way {
            case .wait: await self.newsOfTheGate()
            case .spool: return try await self.store(messages, number)
            case .log:
                do throws(StoreError) {
                    let outcomes = try await self.tryLog(messages)
                    self.state.withLock { $0.gate.ended(number) }
                    return outcomes.map(IntakeOutcome.init)
                } catch {
                    guard error.code == .unavailable else {
                        self.state.withLock { $0.gate.ended(number) }
                        throw error
                    }
                    self.noteAbsence(number, error)
                    return try await self.store(messages, number)
                }
            }
        }
    }

    /// A log that takes too long is asked no more, though it may still do what it was asked: it will know the messages when they
    /// come again.
    private func tryLog(_ messages: [LogAppend]) async throws(StoreError) -> [AppendOutcome] {
        let patience = self.patience.value
        let answer = FirstAnswer<Result<[AppendOutcome], StoreError>>()
        let timer = Task {
            guard (try? await ContinuousClock().sleep(for: patience)) != nil else { return }
            answer.give(.failure(StoreError(.unavailable, "the log has not answered for \(patience.seconds) s")))
        }
        Task {
            do throws(StoreError) {
                answer.give(.success(try await self.log.append(messages)))
            } catch {
                answer.give(.failure(error))
            }
            timer.cancel()
        }
        return try await answer.value().get()
    }

    private func noteAbsence(_ number: Int64, _ error: StoreError) {
        let isFirst = self.state.withLock { state in
            defer { state.gate.failed(number) }
            return !state.gate.isSpooling
        }
        guard isFirst else { return }
        self.logger.warning("the log is away; messages go to the spool", metadata: ["error": "\(error)"])
        self.signals.continuation.yield()
    }

    private func store(_ messages: [LogAppend], _ number: Int64) async throws(StoreError) -> [IntakeOutcome] {
        do throws(StoreError) {
            let encoded = try SpoolFile.encode(messages)
            let size = encoded.reduce(0) { $0 + $1.count }
            let isTaken = self.state.withLock { state in
                guard state.reserved + size <= self.limit.value else { return false }
                state.reserved += size
                return true
            }
            guard isTaken else { throw StoreError(.full, "the log is away and the spool is full") }
            do throws(StoreError) {
                try await self.file.store(messages, encoded, from: number)
            } catch {
                self.state.withLock { $0.reserved -= size }
                throw error
            }
            self.state.withLock { $0.gate.stored(number, messages: messages.count, bytes: size) }
            return messages.map { _ in .spooled }
        } catch {
            self.state.withLock { $0.gate.ended(number) }
            throw error
        }
    }

    private func newsOfTheGate() async {
        await withCheckedContinuation { continuation in
            let mustWait = self.state.withLock { state in
                guard state.isRunning, state.gate.isClosing else { return false }
                state.waiting.append(continuation)
                return true
            }
            if !mustWait { continuation.resume() }
        }
    }

    /// Changes the gate, and lets those who wait ask again if `change` says so.
    func change(_ change: (inout State) -> Bool) {
        let waiting = self.state.withLock { state -> [CheckedContinuation<Void, Never>] in
            guard change(&state) else { return [] }
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    func interrupt() {
        self.change { state in
            state.gate.interrupted()
            return true
        }
    }
}
