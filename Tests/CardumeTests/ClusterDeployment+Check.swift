import CardumeTesting
import CardumeTrials
import Testing

extension ClusterDeployment {
    /// Nothing was lost, nothing repeated, nothing out of order, and the database says the same.
    ///
    /// - Parameter repeats: how many replies may have been sent twice: those of a process that was put to sleep between its
    ///   last look at its lease and its request.
    func check(conversations: Int, messages: Int, repeats: Int = 0) async throws {
        let all = conversations * messages
        let wrong = self.sandbox.conversationsOutOfOrder(
            conversations: conversations, messages: messages, ignoringRepeats: repeats > 0)
        #expect(wrong.isEmpty, "\(wrong.count) wrong: \(wrong.prefix(3))")
        #expect((all...(all + repeats)).contains(self.sandbox.sends.count))
        #expect(try await self.number("SELECT count(*) FROM cardume.turns") == all)
        #expect(try await self.rows("SELECT DISTINCT state FROM cardume.sends") == ["accepted"])
        #expect(try await self.rows("SELECT conversation, message_id, error FROM cardume.dead_letters") == [])
    }
}
