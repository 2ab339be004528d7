/// A day of the calendar, as somewhere in the world. Written `2026-11-21`.
public struct CivilDay: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Since 1970-01-01.
    public let number: Int

    public init(number: Int) {
        self.number = number
    }

    /// - Parameter offset: how far that place's clocks are ahead of UTC.
    public init(of time: Timestamp, offset: Duration = .zero) {
        let local = time.milliseconds + offset.milliseconds
        let day: Int64 = 86_400_000
        self.number = Int(local >= 0 ? local / day : (local - day + 1) / day)
    }

    /// `nil` unless `text` is written like ``description``.
    public init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 3, let year = parts[0], let month = parts[1], let day = parts[2], (1...12).contains(month),
            (1...31).contains(day), (0...9_999).contains(year)
        else { return nil }
        // Days from civil (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms"): years begin in March.
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        self.number = era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
        guard self.description == text else { return nil }
    }

    public static func < (left: Self, right: Self) -> Bool { left.number < right.number }

    public var description: String {
        let shifted = self.number + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * month + 2) / 5 + 1
        let civil = month < 10 ? month + 3 : month - 9
        let year = yearOfEra + era * 400 + (civil <= 2 ? 1 : 0)
        func padded(_ number: Int, _ width: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        return "\(padded(year, 4))-\(padded(civil, 2))-\(padded(day, 2))"
    }
}
