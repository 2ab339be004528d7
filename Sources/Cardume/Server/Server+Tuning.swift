import CardumeActors
import CardumeCore
import CardumeRuntime
import Logging
import ServiceLifecycle

extension Server {
    /// Hands settings on to everything that uses them: a line for each part. Called before anything works and whenever the
    /// effective configuration has changed, one call after the other; what runs goes on by the old settings where the new ones
    /// cannot count any more.
    func apply(_ configuration: CardumeConfiguration) async {
        self.logLevel.set(Logger.Level(rawValue: configuration.logLevel) ?? .info)
        self.doors.set(configuration.http.succeeding(self.doors.value, at: .now))
        self.storage.update(configuration)
        self.routes.set(configuration.routes)
        self.timeLimits.set(configuration.timeLimits)
        self.door.update(configuration.frontDoor)
        self.spool?.update(limit: configuration.frontDoor.spoolBytes, patience: configuration.frontDoor.spoolPatience)
        self.breakers.update(configuration.breakers)
        if let settings = configuration.traces { self.tracing?.update(settings) }
        self.models?.update(configuration)
        self.channels?.update(configuration)
        self.upkeep?.update(configuration.upkeep)
        guard let coordinator = self.coordinator else { return }
        coordinator.update(handoverDeadline: configuration.cluster?.handoverDeadline ?? Coordinator.defaultHandoverDeadline)
        coordinator.surveyor.update(Surveyor.Settings(configuration.scaling))
        coordinator.dispatcher.environment.gates.update(configuration.channelPauses)
        await coordinator.dispatcher.update(
            configuration.assistants.map(\.assistant), Dispatcher.Settings(configuration))
    }
}

/// Looks for changed settings.
struct Tuning: Service {
    /// Together with the change itself and a busy machine well below the two seconds that are promised.
    private static let interval: Duration = .milliseconds(500)

    let live: LiveConfiguration

    func run() async throws {
        let clock = SystemClock()
        let ticks = AsyncStream<Void> { try? await clock.sleep(for: Self.interval) }
        await cancelWhenGracefulShutdown { await self.live.run(ticks: ticks) }
    }
}

extension Dispatcher.Settings {
    init(_ configuration: CardumeConfiguration) {
        self.init()
        self.credits = configuration.credits
        self.perConversation = configuration.conversationCredits
        self.idleTime = configuration.idleTime
        self.slots = configuration.slots
    }
}

extension Surveyor.Settings {
    init(_ settings: ScalingSettings) {
        self.init(readerPatience: settings.readerPatience, shardPatience: settings.shardPatience)
    }
}

extension AdminStatus {
    /// - Parameter dispatcher: `nil` for a process without conversations.
    init(role: Server.Role, dispatcher: Dispatcher?) {
        let load = dispatcher?.load ?? [:]
        let slots = dispatcher?.slots ?? [:]
        let assistants = slots.map { id, bulkhead in
            (
                id.rawValue,
                Assistant(
                    slots: bulkhead.limits.slots, running: load[id]?.running ?? 0, waiting: load[id]?.waiting ?? 0,
                    paused: bulkhead.limits.isPaused)
            )
        }
        self.init(
            role: role.rawValue, version: Cardume.version, assistants: Dictionary(uniqueKeysWithValues: assistants))
    }
}
