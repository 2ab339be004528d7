import CardumeActors
import CardumeCore
import CardumeTesting
import Testing

@Suite struct BreakersTests {
    @Test func aBreakerLivesAsLongAsSomebodyHasIt() {
        let breakers = Breakers(clock: ManualClock(), observer: EventRecorder())
        var first: Breaker? = breakers.breaker(.gateway, "loja")
        let second = breakers.breaker(.model, "m@host")
        #expect(breakers.breaker(.gateway, "loja") === first)
        #expect(breakers.status.map(\.name) == ["gateway:loja", "model:m@host"])
        first = nil
        #expect(breakers.status.map(\.name) == [second.name], "a number that is forgotten leaves nothing behind")
        first = breakers.breaker(.gateway, "loja")
        #expect(breakers.status.count == 2)
    }
}
