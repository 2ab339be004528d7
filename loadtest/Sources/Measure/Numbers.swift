import Foundation

/// Numbers for people, the same in every country.
enum Numbers {
    private static let locale = Locale(identifier: "en_US")

    static func fixed(_ value: Double, _ digits: Int) -> String {
        value.formatted(.number.precision(.fractionLength(digits)).grouping(.never).locale(Self.locale))
    }

    static func grouped(_ value: Double) -> String {
        value.formatted(.number.precision(.fractionLength(0)).locale(Self.locale))
    }

    /// Without a fraction where there is none.
    static func short(_ value: Double) -> String {
        value.formatted(.number.precision(.fractionLength(0...2)).grouping(.never).locale(Self.locale))
    }

    /// `1.20 s`, `45 ms`.
    static func time(_ seconds: Double) -> String {
        seconds < 1 ? "\(Self.fixed(seconds * 1_000, seconds < 0.01 ? 1 : 0)) ms" : "\(Self.fixed(seconds, 2)) s"
    }

    /// The same without needless digits, for axes: `1.5 s`, `45 ms`, `0`.
    static func shortTime(_ seconds: Double) -> String {
        let milliseconds = seconds < 0.1 ? (seconds * 10_000).rounded() / 10 : (seconds * 1_000).rounded()
        return seconds == 0 ? "0" : seconds < 1 ? "\(Self.short(milliseconds)) ms" : "\(Self.short(seconds)) s"
    }

    /// `2 h 05 min`, `3 min 20 s`, `45 s`.
    static func length(_ seconds: Double) -> String {
        let whole = Int(seconds.rounded())
        let (hours, minutes, rest) = (whole / 3_600, whole / 60 % 60, whole % 60)
        if hours > 0 { return "\(hours) h \(minutes < 10 ? "0" : "")\(minutes) min" }
        return minutes > 0 ? "\(minutes) min \(rest < 10 ? "0" : "")\(rest) s" : "\(rest) s"
    }

    static func bytes(_ value: Double) -> String {
        value >= 1_073_741_824 ? "\(Self.fixed(value / 1_073_741_824, 2)) GiB" : "\(Self.fixed(value / 1_048_576, 1)) MiB"
    }
}
