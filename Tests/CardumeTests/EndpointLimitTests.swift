import CardumeTesting
import CardumeTrials
import Foundation
import Testing

@testable import CardumeTesting

/// A model server that several assistants call.
@Suite(.timeLimit(.minutes(2))) struct EndpointLimitTests {
    /// Two assistants with limits that adapt share what the server takes, four calls; a third one's limit is configured.
    @Test func whoDoesNotAdaptHasItsConfiguredSlots() async throws {
        var settings = SandboxSettings()
        settings.modelLatency = .milliseconds(1_500)...(.milliseconds(1_500))
        let adaptive = "slots: 2, adaptive_floor: 2, adaptive: true"
        let deployment = try await Deployment(
            settings, assistant: "adaptive: false", others: ["vendas": adaptive, "cobranca": adaptive])
        try await deployment.start()
        async let delivery: Void = deployment.deliverAll(conversations: 12, messages: 1)
        try await Waiting.until("twelve calls at once") { deployment.sandbox.runningModelCalls == 12 }
        try await delivery
        try await deployment.settle(replies: 12)
        #expect(try await deployment.terminate() == 0)
    }
}
