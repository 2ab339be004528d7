import CardumeCore
import Foundation

extension Timestamp {
    /// ISO 8601, UTC.
    var text: String {
        Date(timeIntervalSince1970: Double(self.milliseconds) / 1_000)
            .formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}
