import CardumeCore
import CardumeRuntime
import Logging

/// The way out to each number.
struct Channels: Sendable {
    private let channels: [ChannelID: any MessageChannel]
    private let other: (@Sendable (ChannelID) -> any MessageChannel)?

    init(
        _ configuration: CardumeConfiguration, client: SharedHTTPClient, logger: Logger, format: LineLogHandler.Format
    ) {
        let console = ConsoleChannel { intent in
            switch format {
            case .text: StandardOutput.write("→ \(intent.replyAddress): \(intent.text)")
            case .json: logger.notice("reply", metadata: ["to": "\(intent.replyAddress)", "text": "\(intent.text)"])
            }
        }
        let make: @Sendable (CardumeConfiguration.ChannelSettings) -> any MessageChannel = { settings in
            switch settings.kind {
            case .console: return console
            case .evolution: return EvolutionChannel(settings: settings, client: client)
            case .meta: return MetaChannel(settings: settings, client: client)
            }
        }
        let named = configuration.channels.filter { $0.id != "*" }
        self.channels = Dictionary(uniqueKeysWithValues: named.map { ($0.id, make($0)) })
        if let settings = configuration.channels.first(where: { $0.id == "*" }) {
            self.other = { id in
                var settings = settings
                settings.id = id
                return make(settings)
            }
        } else {
            self.other = nil
        }
    }

    subscript(id: ChannelID) -> (any MessageChannel)? {
        self.channels[id] ?? self.other?(id)
    }
}
