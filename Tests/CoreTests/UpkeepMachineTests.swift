import CardumeCore
import Testing

@Suite struct UpkeepMachineTests {
    @Test func theReplicaIsLookedAtFirstAndAgain() {
        var gate = ReplicaGate()
        #expect(gate.step(at: .zero) == .look && gate.standing == .unknown)
        let isNew = gate.looked(lag: .seconds(5), bound: .seconds(5), at: .zero)
        #expect(isNew)
        #expect(gate.step(at: .seconds(1)) == .replica)
        #expect(gate.step(at: .seconds(2)) == .look)
        let isDifferent = gate.looked(lag: .seconds(1), bound: .seconds(5), at: .seconds(2))
        #expect(!isDifferent && gate.lag == .seconds(1))
        let isBehind = gate.looked(lag: .seconds(6), bound: .seconds(5), at: .seconds(4))
        #expect(isBehind && gate.lag == .seconds(6))
        #expect(gate.step(at: .seconds(13)) == .primary)
        #expect(gate.step(at: .seconds(14)) == .look)
        let isStill = gate.failed("away", at: .seconds(14))
        #expect(!isStill)
        #expect(gate.standing == .unusable("away") && gate.lag == nil)
        let isBack = gate.looked(lag: .zero, bound: .zero, at: .seconds(30))
        let isGone = gate.failed("away", at: .seconds(31))
        #expect(isBack && isGone)
        #expect(gate.step(at: .seconds(31)) == .primary)
    }

    @Test func whatIsUnknownIsNoUse() {
        var gate = ReplicaGate()
        let isNew = gate.looked(lag: nil, bound: .seconds(5), at: .zero)
        #expect(isNew && gate.standing != .usable && gate.step(at: .seconds(9)) == .primary)
    }

    @Test func aPassRenewsItsLeaseAndEnds() {
        var budget = UpkeepBudget(limit: .seconds(100), lease: .seconds(60), at: .seconds(10))
        let steps = [10, 24, 25, 26, 40, 109, 110].map { budget.step(at: .seconds($0)) }
        #expect(steps == [.goOn, .goOn, .renew, .goOn, .renew, .renew, .stop])
    }

    @Test func onlyWhatNobodyOwnsBoundsDeletions() {
        let (old, older) = (Timestamp(milliseconds: 10_000_000), Timestamp(milliseconds: 5_000_000))
        let (a, b) = (Partition.ID(assistant: "a", number: 3), Partition.ID(assistant: "b", number: 3))
        let now = Timestamp(milliseconds: 1_000_000_000)
        #expect(UnsettledView([:], owned: [], partitionCount: 8).bounded(now) == now)
        #expect(UnsettledView([a: old, b: older], owned: [a, b], partitionCount: 8).bounded(now) == now)
        let view = UnsettledView([a: old, b: older], owned: [b], partitionCount: 8)
        #expect(view.bounded(now) == Timestamp(milliseconds: 10_000_000 - 3_600_000))
        #expect(view.bounded(Timestamp(milliseconds: 7)) == Timestamp(milliseconds: 7))
    }

    @Test func aPartitionSpeaksForItsConversations() throws {
        let conversation = Conversation.ID("loja:1")
        let number = conversation.partitionNumber(of: 8)
        let other = Partition.ID(assistant: "a", number: (number + 1) % 8)
        let time = Timestamp(milliseconds: 1_000)
        let own = Partition.ID(assistant: "a", number: number)
        let view = UnsettledView([own: time, other: Timestamp(milliseconds: 1)], owned: [own], partitionCount: 8)
        #expect(view.mayHoldSomething(of: conversation, before: Timestamp(milliseconds: 1_001)))
        #expect(!view.mayHoldSomething(of: conversation, before: time))
    }
}
