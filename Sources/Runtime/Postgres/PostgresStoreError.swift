import CardumeCore

extension StoreError {
    /// Wraps what the PostgreSQL client throws; the only place where its codes become a store's.
    init(postgres error: any Error) {
        if let error = error as? StoreError {
            self = error
            return
        }
        guard let error = error as? PostgresError else {
            self.init(.unavailable, "the database did not answer: \(error)")
            return
        }
        switch error.code {
        case .resources:
            self.init(.full, "the database has no room left: \(error.message)")
        case .undefinedSchema:
            self.init(.incompatible, "the database lacks Cardume's tables (\(error.message)); run: cardume migrate up")
        case .authentication, .settings:
            self.init(.incompatible, error.message)
        case .constraint, .data, .programmer:
            self.init(.incompatible, "the database does not fit this program: \(error.message)")
        default:
            self.init(.unavailable, error.message)
        }
    }
}
