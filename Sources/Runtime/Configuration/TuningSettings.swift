public import CardumeCore

extension ConfigurationSection {
    /// `paused`, with the end of the override that says so.
    var pause: Pause? {
        guard self.flag("paused") else { return nil }
        return Pause(until: self.values.override(at: self.path + ["paused"])?.expiresAt)
    }
}

extension CardumeConfiguration {
    /// The pauses of all configured channels.
    public var channelPauses: [ChannelID: Pause?] {
        Dictionary(uniqueKeysWithValues: self.channels.map { ($0.id, $0.pause) })
    }
}

/// What a token of /admin must be.
enum AdminTokenRule {
    /// In bytes; shorter ones can be guessed.
    static let shortestToken = 16

    /// What no single key can tell.
    static func problems(_ values: ConfigurationValues) -> [ConfigurationProblem] {
        let path = ["admin", "token"]
        guard let token = values.text(path), !token.isEmpty, token.utf8.count < self.shortestToken else { return [] }
        return [
            ConfigurationProblem(
                place: values.place(path), key: path.joined(separator: "."),
                message: "must have at least \(self.shortestToken) bytes (`openssl rand -hex 32` makes a good one)")
        ]
    }
}
