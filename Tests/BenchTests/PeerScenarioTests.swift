import ArgumentParser
import CardumeCore
import Testing

@testable import CardumeBench

@Suite struct PeerScenarioTests {
    @Test func everyPublishedFigureHasHardwareAndSource() {
        #expect(Set(PeerScenario.all.map(\.name)).count == PeerScenario.all.count)
        for scenario in PeerScenario.all {
            #expect(!scenario.caution.isEmpty)
            for published in scenario.published {
                #expect(published.perSecond > 0 && !published.hardware.isEmpty && !published.source.isEmpty)
            }
        }
        let text = PeersCommand.published(PeerScenario.all)
        #expect(text.contains("46,000 messages/s (Apple M2"))
    }

    @Test func unknownNamesAreRefused() {
        #expect(throws: (any Error).self) { try PeersCommand.parse(["sidekiq"]) }
        #expect(throws: (any Error).self) { try PeersCommand.parse(["--scale", "0"]) }
    }

    @Test func callsHaveOnePartitionEach() {
        let workload = ClusterWorkload(messages: 1_000, conversations: 300, partitions: 8)
        let calls = workload.calls(of: 50, at: Timestamp(milliseconds: 0))
        #expect(calls.reduce(0) { $0 + $1.count } == 1_000)
        for call in calls {
            #expect(call.count <= 50)
            #expect(Set(call.map { $0.message.conversation.partitionNumber(of: 8) }).count == 1)
        }
    }
}
