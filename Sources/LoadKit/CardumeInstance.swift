import AsyncHTTPClient
package import CardumeTesting
import Foundation

/// A process of the real program.
package final class CardumeInstance: Sendable {
    package let process: ServerProcess
    /// Where it listens.
    package let port: Int
    private let logFile: String

    /// Returns when it is ready.
    ///
    /// - Parameters:
    ///   - role: `run`, `worker` or `gateway`.
    ///   - name: of its log file.
    package init(_ role: String, name: String, configuration: String, folder: String) async throws {
        let logFile = "\(folder)/\(name).log"
        let process = try ServerProcess(
            [try Program.path("cardume"), role, "--config", configuration], folder: folder, log: logFile)
        self.process = process
        self.logFile = logFile
        var port: Int?
        try await Waiting.until("cardume \(role) to be ready; its log: \(logFile)") {
            guard process.isRunning else {
                throw LoadFailure("cardume \(role) ended:\n\(Self.read(logFile).suffix(10).joined(separator: "\n"))")
            }
            port = Self.read(logFile).first { $0.contains("\"message\":\"listening\"") }.flatMap(Self.port)
            guard let port else { return false }
            return await Self.isReady(port)
        }
        self.port = port ?? 0
    }

    package var usage: ProcessUsage { ProcessUsage(of: self.process.isRunning ? self.process.id : nil) }
    /// What it has logged, a line of JSON each.
    package var log: [Substring] { Self.read(self.logFile) }

    /// Lets it end in good order.
    package func end() async {
        self.process.signal(SIGTERM)
        await self.process.end()
    }

    private static func isReady(_ port: Int) async -> Bool {
        let request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/health/ready")
        guard let response = try? await HTTPClient.shared.execute(request, timeout: .seconds(20)) else { return false }
        _ = try? await response.body.collect(upTo: 1 << 20)
        return response.status == .ok
    }

    private static func read(_ file: String) -> [Substring] {
        ((try? String(contentsOfFile: file, encoding: .utf8)) ?? "").split(separator: "\n")
    }

    private static func port(_ line: Substring) -> Int? {
        line.firstMatch(of: #/http://[^"]*:([0-9]+)/#).flatMap { Int($0.1) }
    }
}
