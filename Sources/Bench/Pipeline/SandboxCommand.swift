import ArgumentParser
import CardumeTesting
import Foundation

/// What this program starts itself as: a fake model and gateway whose CPU is its own. Prints its port; answers `count`, `sends`,
/// `model` and `use` (JSON) on standard input with one line each; obeys `capacity <calls>`; ends with its input.
struct SandboxCommand: AsyncParsableCommand {
    /// What `model` is answered with.
    struct ModelCalls: Codable, Sendable {
        /// So far, those that were turned away included.
        var calls: Int
        /// With 429.
        var turnedAway: Int
    }

    static let configuration = CommandConfiguration(commandName: "sandbox", shouldDisplay: false)

    @OptionGroup var options: SandboxOptions

    func run() async throws {
        var settings = SandboxSettings()
        let latency = Duration.milliseconds(self.options.modelMilliseconds)
        settings.modelLatency = latency...latency
        settings.modelCapacity = self.options.modelCapacity
        settings.modelRefusesBeyond = self.options.modelRefusesBeyond
        settings.modelPoison = self.options.modelPoison ?? ""
        settings.sendLatency = .zero ... .zero
        if self.options.requestsPerMinute > 0 {
            settings.modelLimits = ModelRateLimiter.Limits(
                requests: self.options.requestsPerMinute, tokens: self.options.tokensPerMinute)
            settings.hidesModelLimits = true
            settings.modelWindow = ModelRateLimiter.Window(rawValue: self.options.window) ?? .sliding
        }
        let sandbox = Sandbox(settings: settings, host: self.options.host)
        let service = sandbox.service { port in Self.say(Data("\(port)".utf8)) }
        Thread.detachNewThread {
            while let line = readLine() { Self.answer(line, sandbox.state) }
            // A server that is cancelled while somebody connects is a trap in SwiftNIO; nothing here is worth closing.
            Foundation.exit(0)
        }
        try await service.run()
    }

    private static func answer(_ line: String, _ state: SandboxState) {
        let words = line.split(separator: " ")
        switch words.first {
        case "capacity":
            let capacity = words.dropFirst().first.flatMap { Int($0) }
            state.update { $0.modelCapacity = capacity }
        case "model":
            let calls = ModelCalls(calls: state.modelCalls, turnedAway: state.modelRefusals)
            self.say((try? JSONEncoder().encode(calls)) ?? Data())
        case "use":
            self.say((try? JSONEncoder().encode(state.modelUse)) ?? Data())
        case "count":
            self.say(Data("\(state.sends.count)".utf8))
        default:
            self.say((try? JSONEncoder().encode(state.sends)) ?? Data())
        }
    }

    private static func say(_ line: Data) {
        FileHandle.standardOutput.write(line + Data("\n".utf8))
    }
}
