/// What a process does with a configuration that several share. Secrets for what it does not do may be missing: they are then
/// no files of its pod.
public struct ConfigurationUse: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// Sends over channels.
    public static let channels = ConfigurationUse(rawValue: 1)
    /// Calls models.
    public static let models = ConfigurationUse(rawValue: 2)
    /// Lets operators log in.
    public static let logins = ConfigurationUse(rawValue: 4)
    public static let everything: ConfigurationUse = [.channels, .models, .logins]
}
