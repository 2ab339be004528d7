import CardumeTesting
import Testing

/// What goes wrong in simulations must be what is made to go wrong, not the doubles.
struct SimulatedStoresTests {
    @Test func theLogConforms() throws {
        try SimulatedStores.run { stores in
            try await PartitionLogConformance(stores.log) { try await stores.fence(of: $0) }.run()
        }
    }

    @Test func theJournalConforms() throws {
        try SimulatedStores.run { try await JournalConformance($0.journal, $0.leases).run() }
    }

    @Test func theLeasesConform() throws {
        try SimulatedStores.run { stores in
            try await LeaseStoreConformance(stores.leases).run { try await stores.outlive() }
        }
    }
}
