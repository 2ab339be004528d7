/// A time in JSON that people read: `2026-11-21T14:03:22.120Z`.
package struct WrittenTime: Hashable, Sendable, Codable {
    package let time: Timestamp

    package init(_ time: Timestamp) { self.time = time }

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        let parts = text.split { "T:.Z".contains($0) }
        let numbers = parts.dropFirst().map { Int64($0) ?? -1 }
        guard text.utf8.count == 24, numbers.count == 4, numbers.allSatisfy({ $0 >= 0 }), let day = CivilDay(String(parts[0]))
        else { throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a time: \(text)") }
        let seconds = ((Int64(day.number) * 24 + numbers[0]) * 60 + numbers[1]) * 60 + numbers[2]
        self.time = Timestamp(milliseconds: seconds * 1_000 + numbers[3])
    }

    package func encode(to encoder: any Encoder) throws {
        let parts = DayTime(self.time)
        var container = encoder.singleValueContainer()
        let milliseconds = String(1_000 + parts.milliseconds).dropFirst()
        try container.encode("\(parts.day)T\(parts.text).\(milliseconds)Z")
    }
}

/// A time as day and time of day, UTC.
struct DayTime {
    let day: CivilDay
    /// Of its second, from 0 to 999.
    let milliseconds: Int
    /// `14:03:22`.
    let text: String

    init(_ time: Timestamp) {
        self.day = CivilDay(of: time)
        let ofDay = Int(time.milliseconds) - self.day.number * 86_400_000
        self.milliseconds = ofDay % 1_000
        let seconds = ofDay / 1_000
        self.text = [seconds / 3_600, seconds / 60 % 60, seconds % 60].map { $0 < 10 ? "0\($0)" : "\($0)" }
            .joined(separator: ":")
    }
}
