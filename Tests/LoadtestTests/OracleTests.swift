import CardumeTesting
import Testing

@testable import CardumeLoadtest

@Suite struct OracleTests {
    private static func message(_ index: Int, in conversation: Int = 1, kind: TrafficProfile.Kind = .text) -> PlannedMessage {
        PlannedMessage(
            index: index, step: 0, conversation: conversation, position: index, kind: kind, assistant: "suporte",
            source: kind == .audio ? .meta : .evolution)
    }

    private static func reply(_ indexes: Int...) -> String {
        "Recebi: " + indexes.map { "oi \(MessageToken(run: "abcd", index: $0).text)" }.joined(separator: " | ")
    }

    /// Messages of one conversation, each posted and accepted before the next.
    private static func oracle(_ count: Int, kind: TrafficProfile.Kind = .text) -> DeliveryOracle {
        var oracle = DeliveryOracle(run: "abcd")
        for index in 0..<count {
            let time = Int64(index) * 100
            oracle.posted(Self.message(index, kind: kind), intended: time, at: time + 1)
            oracle.accepted(index, at: time + 10)
        }
        return oracle
    }

    private static func answered(_ findings: [DeliveryOracle.Finding]) -> [Int] {
        findings.compactMap { if case .answered(let answer) = $0 { answer.message.index } else { nil } }
    }

    @Test func whatIsAnsweredInOrderIsFine() {
        var oracle = Self.oracle(3)
        for index in 0..<3 {
            let findings = oracle.replied(in: 1, Self.reply(index), at: 1_000 + Int64(index), known: 3)
            #expect(Self.answered(findings) == [index])
            #expect(findings.count == 1)
        }
        #expect(oracle.outstanding == 0)
        #expect(oracle.unanswered == [])
    }

    @Test func latencyCountsFromTheIntendedTime() throws {
        var oracle = DeliveryOracle(run: "abcd")
        oracle.posted(Self.message(0), intended: 100, at: 600)
        oracle.accepted(0, at: 700)
        oracle.modelAnswered(0, after: 250)
        let findings = oracle.replied(in: 1, Self.reply(0), at: 1_100, known: 1)
        #expect(findings == [.answered(.init(message: Self.message(0), elapsed: 1_000, ideal: 250))])
    }

    private static func ideals(_ findings: [DeliveryOracle.Finding]) -> [Int64?] {
        findings.map { if case .answered(let answer) = $0 { answer.ideal } else { nil } }
    }

    /// The model's time for the message before is not the runtime's doing; what the runtime adds to it, is.
    @Test func waitingForTheMessageBeforeIsTheModelsTime() {
        var oracle = DeliveryOracle(run: "abcd")
        for (index, time) in [(0, 0), (1, 100), (2, 5_000)] as [(Int, Int64)] {
            oracle.posted(Self.message(index), intended: time, at: time)
            oracle.accepted(index, at: time + 1)
            oracle.modelAnswered(index, after: 1_000)
        }
        #expect(Self.ideals(oracle.replied(in: 1, Self.reply(0), at: 1_020, known: 3)) == [1_000])
        #expect(Self.ideals(oracle.replied(in: 1, Self.reply(1), at: 2_050, known: 3)) == [1_900], "2,000 less 100")
        #expect(Self.ideals(oracle.replied(in: 1, Self.reply(2), at: 6_001, known: 3)) == [1_000], "it came later")
    }

    @Test func whatIsAnsweredTogetherTakesOneCall() {
        var oracle = DeliveryOracle(run: "abcd")
        for (index, time) in [(0, 0), (1, 400)] as [(Int, Int64)] {
            oracle.posted(Self.message(index), intended: time, at: time)
            oracle.modelAnswered(index, after: 1_000)
        }
        #expect(Self.ideals(oracle.replied(in: 1, Self.reply(0, 1), at: 1_500, known: 2)) == [1_000, 1_000])
    }

    @Test func whatIsNeverAnsweredIsLost() {
        var oracle = Self.oracle(3)
        _ = oracle.replied(in: 1, Self.reply(0), at: 1_000, known: 3)
        _ = oracle.replied(in: 1, Self.reply(1), at: 1_001, known: 3)
        #expect(oracle.unanswered.map(\.index) == [2])
    }

    @Test func whatIsLostWasNotReordered() {
        var oracle = Self.oracle(3)
        for index in 1...2 { #expect(oracle.replied(in: 1, Self.reply(index), at: 1_000, known: 3).count == 1) }
        #expect(oracle.unanswered.map(\.index) == [0])
    }

    @Test func aSwappedPairIsFoundOnce() {
        var oracle = Self.oracle(2)
        #expect(oracle.replied(in: 1, Self.reply(1), at: 1_000, known: 2).count == 1)
        #expect(oracle.replied(in: 1, Self.reply(0), at: 1_001, known: 2).last == .reordered(index: 1, before: 0))
    }

    @Test func aSecondReplyIsADuplicate() {
        var oracle = Self.oracle(1)
        _ = oracle.replied(in: 1, Self.reply(0), at: 1_000, known: 1)
        #expect(oracle.replied(in: 1, Self.reply(0), at: 1_001, known: 1) == [.duplicate(index: 0)])
    }

    /// Two webhooks on their way at the same time may arrive in any order.
    @Test func whatOverlapsHasNoOrder() {
        var oracle = DeliveryOracle(run: "abcd")
        oracle.posted(Self.message(0), intended: 0, at: 0)
        oracle.posted(Self.message(1), intended: 5, at: 5)
        oracle.accepted(1, at: 9)
        oracle.accepted(0, at: 10)
        #expect(oracle.replied(in: 1, Self.reply(1), at: 1_000, known: 2).count == 1)
        #expect(oracle.replied(in: 1, Self.reply(0), at: 1_001, known: 2).count == 1)
    }

    @Test func oneReplyMayAnswerSeveral() {
        var oracle = Self.oracle(3)
        #expect(Self.answered(oracle.replied(in: 1, Self.reply(0, 1, 2), at: 1_000, known: 3)) == [0, 1, 2])
        #expect(oracle.outstanding == 0)
    }

    /// Nobody can read what a voice message of the Cloud API says.
    @Test func voiceIsMatchedByPlace() {
        var oracle = Self.oracle(2, kind: .audio)
        #expect(Self.answered(oracle.replied(in: 1, "Recebi: [áudio]", at: 1_000, known: 2)) == [0])
        #expect(Self.answered(oracle.replied(in: 1, "Recebi: [áudio]", at: 1_001, known: 2)) == [1])
        #expect(oracle.replied(in: 1, "Recebi: [áudio]", at: 1_002, known: 2) == [.stray])
    }

    @Test func whatWasRefusedIsNotMissed() {
        var oracle = DeliveryOracle(run: "abcd")
        oracle.posted(Self.message(0), intended: 0, at: 0)
        oracle.refused(0)
        #expect(oracle.outstanding == 0)
        #expect(oracle.unanswered == [])
        #expect(Self.answered(oracle.replied(in: 1, Self.reply(0), at: 9, known: 1)) == [0], "yet it may be answered")
    }

    @Test func whatWasNeitherAcceptedNorRefusedIsWaitedForAndNotLost() {
        var oracle = DeliveryOracle(run: "abcd")
        oracle.posted(Self.message(0), intended: 0, at: 0)
        #expect(oracle.outstanding == 1)
        #expect(oracle.unanswered == [])
    }

    @Test func repliesOfOthersAreTold() {
        var oracle = Self.oracle(1)
        #expect(oracle.replied(in: 1, "Recebi: oi #zzzz-0", at: 9, known: 1) == [.foreign])
        #expect(oracle.replied(in: 2, Self.reply(0), at: 9, known: 1) == [.stray], "another conversation's")
        #expect(oracle.replied(in: 1, Self.reply(7), at: 9, known: 1) == [.stray], "of a message that was never sent")
        #expect(oracle.replied(in: 1, "Bom dia!", at: 9, known: 1) == [.stray])
    }

    @Test func withoutTokensPlacesCount() {
        var oracle = DeliveryOracle(run: "abcd", matchesTokens: false)
        for index in 0..<2 { oracle.posted(Self.message(index), intended: 0, at: 0) }
        #expect(Self.answered(oracle.replied(in: 1, "Claro!", at: 9, known: 2)) == [0])
        #expect(Self.answered(oracle.replied(in: 1, "Pronto.", at: 10, known: 2)) == [1])
        #expect(oracle.replied(in: 1, "Pronto.", at: 11, known: 2) == [.stray])
    }

    @Test func tokensSurviveQuotation() {
        let token = MessageToken(run: "k3f9", index: 46_655)
        #expect(token.text == "#k3f9-zzz")
        #expect(MessageToken.parts(of: "Recebi: pedido #12 \(token.text)") == [token])
        #expect(MessageToken.parts(of: "#k3f9-") == [nil])
        #expect(MessageToken.parts(of: "#K3F9-1") == [nil])
        #expect(MessageToken.all(in: "a \(token.text) | [áudio] | b #k3f9-0").map(\.index) == [46_655, 0])
    }
}

/// The whole bookkeeping, before a runtime that does everything right.
@Suite struct SabotageTests {
    private static let numbers = FakeNumbers(offset: 99_999_990)

    /// 40 conversations of 10 messages, a second apart, each answered half a second later.
    private static func record(_ fault: Saboteur.Fault?) -> RunRecord {
        var record = RunRecord(
            DeliveryOracle(run: "abcd"), numbers: Self.numbers, saboteur: fault.map { Saboteur($0, every: 20) }, origin: 0)
        record.begin(LoadStep(name: "steady", rate: 40, seconds: 10), first: 0, at: 0)
        for index in 0..<400 {
            let message = PlannedMessage(
                index: index, step: 0, conversation: index % 40, position: index / 40, kind: .text, assistant: "suporte",
                source: .evolution)
            let time = Int64(index) * 25_000_000
            record.posted(message, intended: time, at: time)
            record.answered(message, .accepted, intended: time, at: time + 2_000_000)
            record.caught(
                CaughtReply(
                    channel: "carga-suporte", contact: Self.numbers.contact(index % 40) + "@s.whatsapp.net",
                    text: "Recebi: oi \(MessageToken(run: "abcd", index: index).text)"), at: time + 500_000_000)
        }
        record.settled(at: 20_000_000_000)
        return record
    }

    @Test func withoutSabotageAllIsWell() throws {
        let record = Self.record(nil)
        let step = try #require(record.steps.first)
        #expect((step.intended, step.accepted, step.replied) == (400, 400, 400))
        #expect(step.lost + step.duplicates + step.reordered + record.strays == 0)
        #expect(abs(step.reply.milliseconds(at: 50) - 500) < 1)
        #expect(record.timeline.stretches.reduce(0) { $0 + $1.intended } == 400)
        #expect(Verdict(record.steps, .stress, latenessBound: 1).outcome == .passed)
    }

    @Test func aDroppedReplyIsLost() throws {
        let record = Self.record(.drop)
        let step = try #require(record.steps.first)
        #expect((step.lost, step.duplicates, step.reordered) == (20, 0, 0))
        #expect(record.examples.count == 20)
        #expect(Verdict(record.steps, .stress, latenessBound: 1).outcome == .failed)
    }

    @Test func aDuplicateIsFound() throws {
        let record = Self.record(.duplicate)
        let step = try #require(record.steps.first)
        #expect((step.lost, step.duplicates, step.reordered) == (0, 20, 0))
        #expect(Verdict(record.steps, .stress, latenessBound: 1).outcome == .failed)
    }

    @Test func aSwappedPairIsOutOfOrder() throws {
        let record = Self.record(.swap)
        let step = try #require(record.steps.first)
        #expect((step.lost, step.duplicates) == (0, 0))
        #expect(step.reordered >= 15, "those whose conversation went on: \(step.reordered)")
        #expect(Verdict(record.steps, .stress, latenessBound: 1).outcome == .failed)
    }
}
