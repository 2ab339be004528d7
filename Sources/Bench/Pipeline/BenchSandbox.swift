import CardumeTesting
import Foundation

/// The fake model and gateway, seen from outside.
struct BenchSandbox: Sendable {
    let port: Int
    private let child: ChildProcess

    init(_ options: SandboxOptions) async throws {
        let child = try ChildProcess([Program.this.path, "sandbox"] + options.arguments)
        guard let port = await child.nextLine().flatMap({ Int($0) }) else { throw BenchFailure("the sandbox did not start") }
        self.child = child
        self.port = port
    }

    var url: String { "http://127.0.0.1:\(self.port)" }
    var usage: ProcessUsage { ProcessUsage(of: self.child.id) }

    /// How many messages were sent so far.
    func count() async throws -> Int {
        self.child.write("count")
        guard let count = await self.child.nextLine().flatMap({ Int($0) }) else { throw BenchFailure("the sandbox ended") }
        return count
    }

    /// What the limits have done so far.
    func use() async throws -> SandboxState.ModelUse {
        self.child.write("use")
        guard let line = await self.child.nextLine() else { throw BenchFailure("the sandbox ended") }
        return try JSONDecoder().decode(SandboxState.ModelUse.self, from: Data(line.utf8))
    }

    func sends() async throws -> [SandboxSend] {
        self.child.write("sends")
        guard let line = await self.child.nextLine() else { throw BenchFailure("the sandbox ended") }
        return try JSONDecoder().decode([SandboxSend].self, from: Data(line.utf8))
    }

    func modelCalls() async throws -> SandboxCommand.ModelCalls {
        self.child.write("model")
        guard let line = await self.child.nextLine() else { throw BenchFailure("the sandbox ended") }
        return try JSONDecoder().decode(SandboxCommand.ModelCalls.self, from: Data(line.utf8))
    }

    /// From now on the model serves so many calls at full speed together.
    func resize(capacity: Int) { self.child.write("capacity \(capacity)") }

    /// Returns when `count` messages were sent, or none for `patience`.
    func wait(for count: Int, patience: Duration, _ progress: (Int) -> Void) async throws {
        var (latest, changed) = (-1, ContinuousClock.now)
        while latest < count, .now - changed < patience {
            let now = try await self.count()
            if now != latest { (latest, changed) = (now, .now) }
            progress(now)
            try await ContinuousClock().sleep(for: .milliseconds(100))
        }
    }

    func end() async { await self.child.end() }
}
