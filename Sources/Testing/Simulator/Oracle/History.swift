import CardumeCore

/// What has happened, for people; kept only where somebody wants to read it.
struct History {
    private(set) var lines: [String]?

    init(isRecording: Bool) {
        self.lines = isRecording ? [] : nil
    }

    mutating func note(_ who: String, at time: Duration, _ text: @autoclosure () -> String) {
        guard self.lines != nil else { return }
        let name = who + String(repeating: " ", count: max(0, 6 - who.count))
        self.lines?.append("\(time.simulated)  \(name)  \(text())")
    }
}
