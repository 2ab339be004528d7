import CardumeActors
import CardumeCore
import CardumeRuntime
import Foundation
import Logging
import NIOCore
import ServiceLifecycle
import UnixSignals

/// Ends the process at the second signal: whoever sends it does not want to wait.
struct SecondSignal: Service {
    let signals: [UnixSignal]
    let logger: Logger

    func run() async throws {
        var count = 0
        for await signal in await UnixSignalsSequence(trapping: self.signals).cancelOnGracefulShutdown() {
            count += 1
            if count == 2 {
                self.logger.warning("second signal, ending at once", metadata: ["signal": "\(signal)"])
                _exit(130)
            }
        }
    }
}

/// The HTTP server, with a limit to how long requests in progress may delay its end: a client that sends half a request must
/// not keep the process from finishing its work in good order.
struct Doors<Server: Service>: Service {
    let server: Server

    func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.server.run() }
            group.addTask {
                try await gracefulShutdown()
                try await SystemClock().sleep(for: .seconds(5))
            }
            try await group.next()
            group.cancelAll()
        }
    }
}

/// The first to hear of shutdown: readiness ends and nobody is kept waiting for a reply.
struct DrainNotice: Service {
    let health: HealthMonitor
    let waiter: ReplyWaiter
    let logger: Logger

    func run() async throws {
        try? await gracefulShutdown()
        self.logger.notice("stopping: no new work; running turns and sends may end")
        self.health.enter(.draining)
        self.waiter.close()
    }
}

/// Looks after what the process owns, until nothing is left of it.
struct SurveyService: Service {
    let coordinator: Coordinator

    func run() async throws {
        await cancelWhenGracefulShutdown { await self.coordinator.survey() }
    }
}

/// Looks at the load until shutdown.
struct LoadWatch: Service {
    let meter: LoadMeter

    func run() async throws {
        await cancelWhenGracefulShutdown { await self.meter.run() }
    }
}

/// Replays the spool until shutdown; what is left then waits on disk.
struct SpoolReplay: Service {
    let spool: MessageSpool

    func run() async throws {
        try await cancelWhenGracefulShutdown {
            do {
                try await self.spool.run()
            } catch let error as StoreError {
                throw CommandFailure("cannot go on: \(error.message)")
            }
        }
    }
}

/// Works until shutdown, when another process may go on. Nobody waits then for a database that does not answer: each step is
/// journaled, and leases end by themselves.
struct Background: Service {
    let work: @Sendable () async -> Void

    func run() async throws {
        let (ends, end) = AsyncStream<Never>.makeStream()
        let task = Task {
            await self.work()
            end.finish()
        }
        try? await gracefulShutdown()
        task.cancel()
        let limit = Task {
            try? await SystemClock().sleep(for: .seconds(1))
            end.finish()
        }
        for await _ in ends {}
        limit.cancel()
    }
}

/// Puts dead letters back until shutdown, as operators have asked.
struct DeadLetterReplay: Service {
    let runner: ReplayRunner

    func run() async throws {
        let clock = SystemClock()
        try await Background { await self.runner.run { try await clock.sleep(for: $0) } }.run()
    }
}

/// Keeps the stores small.
struct Housekeeping: Service {
    let storage: any Storage
    let logger: Logger
    private let clock = SystemClock()

    init(storage: any Storage, logger: Logger) {
        self.storage = storage
        self.logger = logger
    }

    func run() async throws {
        await cancelWhenGracefulShutdown {
            repeat {
                do {
                    try await self.storage.clean()
                } catch is CancellationError {
                    return
                } catch {
                    self.logger.error("housekeeping failed; it is tried again later", metadata: ["error": "\(error)"])
                }
            } while (try? await self.clock.sleep(for: .seconds(600))) != nil
        }
    }
}

enum ServerFailure {
    /// A failed start in one line.
    static func describe(_ error: any Error, host: String, port: Int) -> String {
        if let error = error as? IOError {
            switch error.errnoCode {
            case EADDRINUSE: return "cannot listen on \(host):\(port): the port is in use"
            case EACCES: return "cannot listen on \(host):\(port): not permitted"
            case EADDRNOTAVAIL: return "cannot listen on \(host):\(port): this machine has no such address"
            default: return "cannot listen on \(host):\(port): \(String(cString: strerror(error.errnoCode)))"
            }
        }
        if error is SocketAddressError { return "cannot listen on \(host):\(port): the host is unknown" }
        return "\(error)"
    }
}
