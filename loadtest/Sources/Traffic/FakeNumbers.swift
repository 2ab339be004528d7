/// Telephone numbers that cannot belong to anybody: Brazil has no area code 00. The range is reserved for load tests:
/// 5500 9 0000 0000 to 5500 9 9999 9999.
struct FakeNumbers: Sendable {
    static let count = 100_000_000
    private static let first = 5_500_900_000_000

    /// Of the run's first conversation; runs begin at different places, so that they do not meet conversations of earlier ones.
    let offset: Int

    init(offset: Int) {
        precondition((0..<Self.count).contains(offset), "\(offset) is not in the range")
        self.offset = offset
    }

    func contact(_ conversation: Int) -> String {
        String(Self.first + (self.offset + conversation) % Self.count)
    }

    /// - Parameter contact: a number, or an address that begins with one.
    /// - Returns: `nil` for somebody who is not of the reserved range.
    func conversation(of contact: String) -> Int? {
        guard let number = Int(contact.prefix { $0.isASCII && $0.isNumber }) else { return nil }
        let place = number - Self.first
        guard (0..<Self.count).contains(place) else { return nil }
        return (place - self.offset + Self.count) % Self.count
    }
}
