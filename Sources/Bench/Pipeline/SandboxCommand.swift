import ArgumentParser
import CardumeTesting
import Foundation

/// What this program starts itself as: a fake model and gateway whose CPU is its own. Prints its port; answers `count` and
/// `sends` (JSON) and `use` (JSON) on standard input with one line each; ends with its input.
struct SandboxCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "sandbox", shouldDisplay: false)

    @Option var modelMilliseconds: Int
    /// What the model allows in a minute, without ever saying so; 0 for everything.
    @Option var requestsPerMinute = 0
    @Option var tokensPerMinute = 0
    @Option var window = "sliding"
    @Option var host = "127.0.0.1"

    func run() async throws {
        var settings = SandboxSettings()
        settings.modelLatency = .milliseconds(self.modelMilliseconds)...(.milliseconds(self.modelMilliseconds))
        settings.sendLatency = .zero ... .zero
        if self.requestsPerMinute > 0 {
            settings.modelLimits = ModelRateLimiter.Limits(requests: self.requestsPerMinute, tokens: self.tokensPerMinute)
            settings.hidesModelLimits = true
            settings.modelWindow = ModelRateLimiter.Window(rawValue: self.window) ?? .sliding
        }
        let sandbox = Sandbox(settings: settings, host: self.host)
        let service = sandbox.service { port in Self.say(Data("\(port)".utf8)) }
        Thread.detachNewThread {
            while let line = readLine() {
                let sends = sandbox.state.sends
                switch line {
                case "count": Self.say(Data("\(sends.count)".utf8))
                case "use": Self.say((try? JSONEncoder().encode(sandbox.state.modelUse)) ?? Data())
                default: Self.say((try? JSONEncoder().encode(sends)) ?? Data())
                }
            }
            // A server that is cancelled while somebody connects is a trap in SwiftNIO; nothing here is worth closing.
            Foundation.exit(0)
        }
        try await service.run()
    }

    private static func say(_ line: Data) {
        FileHandle.standardOutput.write(line + Data("\n".utf8))
    }
}
