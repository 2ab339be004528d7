import CardumeCore
import Testing

@Suite struct LaneRuleTests {
    private let rule = LaneRule(toolCalls: 5, calmToolCalls: 1, heavyTools: ["crm"])

    private func message(_ kind: MessageKind) -> InboundMessage {
        InboundMessage(
            id: "m", conversation: Conversation.ID(channel: "loja", contact: "5534"), kind: kind, text: "x",
            receivedAt: Timestamp(milliseconds: 0), replyAddress: "5534", traceID: "")
    }

    private func lane(_ kind: MessageKind, _ history: LaneHistory = LaneHistory()) -> Lane {
        self.rule.lane(of: self.message(kind), history, timers: TimerPlan([]))
    }

    @Test func theKindDecidesFirst() {
        #expect(self.lane(.text) == .light)
        #expect(self.lane(.image) == .image)
        #expect(self.lane(.audio) == .audio)
        #expect(self.lane(.video) == .heavy)
        #expect(self.lane(.document) == .heavy)
        #expect(self.lane(.sticker) == .light)
    }

    @Test func manyToolsMakeAConversationHeavyUntilItHasBeenCalm() {
        var history = LaneHistory()
        var lanes: [Lane] = []
        for calls in [2, 2, 1, 1, 0, 1, 0, 0, 3, 3] {
            history.record(self.rule.effort(ofToolCalls: Array(repeating: "consulta", count: calls)), rule: self.rule)
            lanes.append(self.lane(.text, history))
        }
        // Over five in the latest five turns with the fourth; at most one in the latest three with the seventh.
        #expect(lanes == [.light, .light, .light, .heavy, .heavy, .heavy, .light, .light, .light, .heavy])
        #expect(self.lane(.image, history) == .image)
    }

    @Test func oneHeavyToolIsEnough() {
        var history = LaneHistory()
        history.record(self.rule.effort(ofToolCalls: ["crm"]), rule: self.rule)
        #expect(self.lane(.text, history) == .heavy)
        for _ in 0..<2 { history.record(0, rule: self.rule) }
        #expect(self.lane(.text, history) == .heavy)
        history.record(0, rule: self.rule)
        #expect(self.lane(.text, history) == .light)
    }

    @Test func whatTheJournalRemembersIsEnough() {
        var lived = LaneHistory()
        for effort in [0, 3, 3, 0, 0] { lived.record(effort, rule: self.rule) }
        #expect(LaneHistory([0, 3, 3, 0, 0], rule: self.rule) == lived)
        #expect(lived.isHeavy)
    }

    @Test func queueNamesGoThereAndBack() {
        for lane in Lane.allCases {
            let queue = QueueID("financeiro", lane: lane)
            #expect(queue.assistant == "financeiro")
            #expect(queue.lane == lane)
        }
        #expect(QueueID("financeiro", lane: .light).rawValue == "financeiro")
    }
}
