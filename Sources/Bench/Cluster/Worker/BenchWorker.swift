import Foundation
import Synchronization

/// A measured worker, seen from outside.
final class BenchWorker: Sendable {
    private let child: ChildProcess
    /// Read while something else was waited for.
    private let early = Mutex<[WorkerNews]>([])

    /// Returns when it is connected.
    init(_ options: WorkerOptions) async throws {
        self.child = try ChildProcess([Program.this.path, "worker"] + options.arguments)
        _ = try await self.news(.ready)
    }

    var usage: ProcessUsage { ProcessUsage(of: self.child.id) }

    /// Lets it take its partitions; returns when they are open.
    func go() async throws {
        self.child.write("go")
        _ = try await self.news(.open)
    }

    func snapshot() async throws -> WorkerNews {
        self.child.write("snapshot")
        return try await self.news(.snapshot)
    }

    /// Returns when all messages have left the log.
    ///
    /// - Parameter mayRepeat: whether Redis and PostgreSQL may leave calls unanswered, which are then repeated and counted.
    /// - Throws: a ``BenchFailure`` when one was lost, came twice or out of order, or when the runtime complained.
    func settled(mayRepeat: Bool = false) async throws -> WorkerNews {
        let news = try await self.news(.settled)
        let complaints = news.violations + news.troubles + (mayRepeat ? [] : news.unavailable)
        guard complaints.isEmpty else { throw BenchFailure("the run went wrong: \(complaints.joined(separator: "; "))") }
        return news
    }

    func end() async { await self.child.end() }

    /// The next of that kind; those of other kinds are kept.
    private func news(_ state: WorkerNews.State) async throws -> WorkerNews {
        let kept = self.early.withLock { early in
            early.firstIndex { $0.state == state }.map { early.remove(at: $0) }
        }
        if let kept { return kept }
        while let line = await self.child.nextLine() {
            let news = try JSONDecoder().decode(WorkerNews.self, from: Data(line.utf8))
            if news.state == state { return news }
            self.early.withLock { $0.append(news) }
        }
        throw BenchFailure("the worker ended before it was \(state.rawValue)")
    }
}
