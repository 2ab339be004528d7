import CardumeCore

/// The way from a process to a store.
struct StoreLink: Sendable {
    static let gone = StoreError(.locked, "the process is gone")

    let world: World
    let party: Party
    let store: Fault.Store

    /// Has the store do something. It does it at a moment of its own, whatever the caller does meanwhile.
    func call<Value: Sendable>(
        _ name: @autoclosure () -> String, isolation: isolated (any Actor)? = #isolation,
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws(StoreError) -> Value {
        let (world, party, store) = (self.world, self.party, self.store)
        let result: Result<Value, StoreError> = await party.wait(ifGone: .failure(Self.gone)) { promise in
            let trouble = StoreError(.unavailable, "the \(store.rawValue) does not answer")
            switch world.passage(of: party, to: store) {
            case .arrives(let there, let back):
                world.loop.after(there) {
                    world.perform(body) { result in
                        world.log.wakeReaders()
                        world.loop.after(back) { promise.keep(result) }
                    }
                }
            case .requestLost(let patience):
                world.note(party, "\(name()): does not reach the \(store.rawValue)")
                world.loop.after(patience) { promise.keep(.failure(trouble)) }
            case .replyLost(let there, let patience):
                world.note(party, "\(name()): its answer is lost")
                world.oracle.reached(.answerLost)
                world.loop.after(there) {
                    world.perform(body) { _ in
                        world.log.wakeReaders()
                        world.loop.after(patience) { promise.keep(.failure(trouble)) }
                    }
                }
            }
        }
        return try result.get()
    }
}
