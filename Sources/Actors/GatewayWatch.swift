/// Has gateway servers checked.
public struct GatewayWatch: Sendable {
    private let channels: @Sendable () -> [RoutedChannel]
    private let clock: any RuntimeClock

    /// - Parameter channels: those in use; asked once a second.
    public init(channels: @escaping @Sendable () -> [RoutedChannel], clock: any RuntimeClock) {
        self.channels = channels
        self.clock = clock
    }

    /// Runs until it is cancelled. A server that does not answer holds up no other.
    public func run() async {
        await withDiscardingTaskGroup { group in
            repeat {
                for channel in self.channels() { group.addTask { await channel.checkServers() } }
            } while (try? await self.clock.sleep(for: .seconds(1))) != nil
            group.cancelAll()
        }
    }
}
