public import ArgumentParser
public import CardumeTesting
import Hummingbird

struct SandboxCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sandbox",
        abstract: "Runs a fake model server and a fake Evolution server, which record what they are sent.",
        discussion: "`GET /sandbox/sends` lists every message that was sent.")

    @Option(help: "Address to listen on.") var host = "127.0.0.1"
    @Option(help: "Port to listen on; 0 takes a free one.") var port = 9090
    @Option(help: "Shortest time of a model call, in milliseconds.") var modelLatencyMin = 20
    @Option(help: "Longest time of a model call, in milliseconds.") var modelLatencyMax = 200
    @Option(help: "Share of messages whose first model call fails, 0 to 1.") var modelFailures = 0.0
    @Option(help: "Model calls for messages that contain this fail, all of them; none by default.") var modelPoison = ""
    @Option(help: "Share of sends that go wrong, 0 to 1.") var sendFaults = 0.0
    @Option(help: "How they go wrong: \(SandboxSettings.SendFault.allCases.map(\.rawValue).joined(separator: ", ")).")
    var sendFault = SandboxSettings.SendFault.errorAfterSend
    @Option(help: "How long findMessages lacks a message that was sent, in milliseconds.") var recordDelay = 0
    @Option(help: "Key that callers must bring; none by default.") var key = ""

    func validate() throws {
        guard self.modelLatencyMin >= 0, self.modelLatencyMax >= self.modelLatencyMin else {
            throw ValidationError("the latencies must be 0 or more, the longest not below the shortest")
        }
        guard (0...1).contains(self.modelFailures), (0...1).contains(self.sendFaults) else {
            throw ValidationError("shares are from 0 to 1")
        }
    }

    func run() async throws {
        var settings = SandboxSettings()
        settings.modelLatency = .milliseconds(self.modelLatencyMin)...(.milliseconds(self.modelLatencyMax))
        settings.modelFailures = self.modelFailures
        settings.modelPoison = self.modelPoison
        settings.sendFaults = self.sendFaults
        settings.sendFault = self.sendFault
        settings.recordDelay = .milliseconds(self.recordDelay)
        settings.key = self.key
        let host = self.host
        let sandbox = Sandbox(settings: settings, host: host, port: self.port)
        let service = sandbox.service { port in
            print(
                """
                Sandbox on http://\(host):\(port). Point Cardume at it:

                  model:
                    base_url: http://\(host):\(port)/v1
                    keyless: true
                  channels:
                    "*":
                      kind: evolution
                      base_url: http://\(host):\(port)
                      key: any
                """)
        }
        do {
            try await service.runService()
        } catch {
            throw CommandFailure(ServerFailure.describe(error, host: host, port: self.port))
        }
    }
}

extension SandboxSettings.SendFault: ExpressibleByArgument {}
