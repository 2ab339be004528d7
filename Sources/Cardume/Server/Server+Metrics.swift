import CardumeActors
import CardumeCore
import CardumeRuntime

extension Server {
    /// From now on, everything that knows figures is asked for them at each scrape: a line for each part. Called once.
    ///
    /// - Parameter queues: those that exist.
    func addSources(
        to registry: MetricsRegistry, _ demand: DemandReadings, queues: [QueueID], clock: @escaping @Sendable () -> Timestamp
    ) {
        registry.add(ProcessSource(version: Cardume.version, role: self.role.rawValue, health: self.health), as: "process")
        registry.add(LoadSource(self.meter, demand, queues: queues, spool: self.spool), as: "load")
        registry.add(self.scaling, as: "scaling")
        for (name, source) in self.storage.sources { registry.add(source, as: name) }
        if let upkeep = self.upkeep { registry.add(upkeep, as: "upkeep") }
        guard let coordinator = self.coordinator else { return }
        registry.add(CensusSource(coordinator: coordinator, clock: clock), as: "conversations")
        registry.add(SlotSource(dispatcher: coordinator.dispatcher), as: "slots")
        registry.add(GatewaySource(breakers: self.breakers, channels: self.channels), as: "gateways")
        if let models = self.models { registry.add(ModelSource(models: models), as: "models") }
    }
}

extension CardumeConfiguration {
    /// The assistants whose queues this process serves.
    var servedAssistants: [Assistant] {
        self.assistants.map(\.assistant).filter { assistant in
            self.cluster.map { $0.queues.isEmpty || $0.queues.contains(assistant.id) } ?? true
        }
    }
}
