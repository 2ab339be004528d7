public import CardumeCore
import Foundation

/// The calendar of a time zone.
public struct LocalDay: Sendable {
    private let zone: TimeZone

    /// That of Brasília. UTC where the system knows no time zones.
    public static var standard: LocalDay { LocalDay("America/Sao_Paulo") ?? LocalDay(zone: .gmt) }

    private init(zone: TimeZone) {
        self.zone = zone
    }

    /// `nil` when there is no such time zone.
    ///
    /// - Parameter name: as in the IANA database: `America/Sao_Paulo`.
    public init?(_ name: String) {
        guard let zone = TimeZone(identifier: name) else { return nil }
        self.zone = zone
    }

    /// The day at `time`, and how long it lasts yet.
    public func day(at time: Timestamp) -> (day: CivilDay, rest: Duration) {
        let day = CivilDay(of: time, offset: self.offset(at: time))
        // Midnight may be before or after a change of the clocks, or not exist: the first moment that belongs to the next day.
        var (low, high) = (time.milliseconds, time.milliseconds + 26 * 3_600_000)
        while high - low > 1 {
            let middle = Timestamp(milliseconds: (low + high) / 2)
            if CivilDay(of: middle, offset: self.offset(at: middle)) > day {
                high = middle.milliseconds
            } else {
                low = middle.milliseconds
            }
        }
        return (day, .milliseconds(high - time.milliseconds))
    }

    private func offset(at time: Timestamp) -> Duration {
        .seconds(self.zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(time.milliseconds) / 1_000)))
    }
}
