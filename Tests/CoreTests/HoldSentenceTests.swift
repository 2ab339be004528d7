import CardumeCore
import Foundation
import Testing

@Suite struct HoldSentenceTests {
    @Test func whoHoldsAConversationIsNamed() throws {
        let noon = Timestamp(milliseconds: 1_795_176_000_120)
        #expect(Obstacle.held(.deadLetter, at: noon) == .held)
        #expect(Obstacle.held(.unknown, at: noon).text == "is held until somebody releases it")
        let hold = ConversationHold(by: "ana", since: noon, reason: "pediu gente")
        let obstacle = Obstacle.held(.person(hold), at: noon.advanced(by: .seconds(60)))
        #expect(obstacle.text == "is held by ana since 12:00:00 UTC until somebody releases it: pediu gente")
        let later = Obstacle.held(.person(ConversationHold(by: "ana", since: noon)), at: noon.advanced(by: .seconds(86_400)))
        #expect(later.text == "is held by ana since 2026-11-20 12:00:00 UTC until somebody releases it")
        let json = try JSONEncoder().encode(obstacle)
        #expect(try JSONDecoder().decode(Obstacle.self, from: json) == obstacle)
        #expect(String(decoding: json, as: UTF8.self).contains(#""since":"2026-11-20T12:00:00.120Z""#))
    }
}
