import CardumeCore
import Foundation

extension Timestamp {
    /// ISO 8601, UTC, exact to the millisecond.
    var text: String {
        // The formatter cuts off what is below a millisecond, and most milliseconds are no binary fractions.
        Date(timeIntervalSince1970: (Double(self.milliseconds) + 0.25) / 1_000)
            .formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}
