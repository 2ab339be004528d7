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
