import CardumeCore
import CardumeRuntime
import Logging

/// The way out to each number.
struct Channels: Sendable {
    private struct Table: Sendable {
        let channels: [ChannelID: any MessageChannel]
        let other: (@Sendable (ChannelID) -> any MessageChannel)?
    }

    private let table: Live<Table>
    private let make: @Sendable (CardumeConfiguration.ChannelSettings) -> any MessageChannel

    init(
        _ configuration: CardumeConfiguration, client: SharedHTTPClient, logger: Logger, format: LineLogHandler.Format
    ) {
        let console = ConsoleChannel { intent in
            switch format {
            case .text: StandardOutput.write("→ \(intent.replyAddress): \(intent.text)")
            case .json: logger.notice("reply", metadata: ["to": "\(intent.replyAddress)", "text": "\(intent.text)"])
            }
        }
        self.make = { settings in
            switch settings.kind {
            case .console: return console
            case .evolution: return EvolutionChannel(settings: settings, client: client)
            case .meta: return MetaChannel(settings: settings, client: client)
            }
        }
        self.table = Live(Self.table(configuration, self.make))
    }

    /// Sends that have begun keep the channel they began with.
    func update(_ configuration: CardumeConfiguration) {
        self.table.set(Self.table(configuration, self.make))
    }

    private static func table(
        _ configuration: CardumeConfiguration,
        _ make: @escaping @Sendable (CardumeConfiguration.ChannelSettings) -> any MessageChannel
    ) -> Table {
        let named = configuration.channels.filter { $0.id != "*" }.map { ($0.id, make($0)) }
        guard let settings = configuration.channels.first(where: { $0.id == "*" }) else {
            return Table(channels: Dictionary(uniqueKeysWithValues: named), other: nil)
        }
        return Table(channels: Dictionary(uniqueKeysWithValues: named)) { id in
            var settings = settings
            settings.id = id
            return make(settings)
        }
    }

    subscript(id: ChannelID) -> (any MessageChannel)? {
        let table = self.table.value
        return table.channels[id] ?? table.other?(id)
    }
}
