/// How large a deployment must be, derived from what is asked of it and what a message costs.
package struct SizingPlan: Sendable {
    /// One step of the derivation, as people check it.
    package struct Formula: Sendable, Equatable {
        package let name: String
        package let formula: String
        package let numbers: String
        package let result: String
    }

    /// What is taken for granted.
    package struct Assumptions: Sendable {
        /// Cores of a pod.
        package var podCores = 1.0
        /// Bytes of a pod.
        package var podMemory = 536_870_912.0
        /// The part of a pod's cores, of its memory, and of its slots, that is meant to be in use.
        package var utilisation = 0.6
        package var memoryUtilisation = 0.7
        package var slotUtilisation = 0.8
        /// Standard deviations of the number of turns in flight that there must be slots for: 3.09 are 99.9 %.
        package var deviations = 3.09
        /// Model calls beyond one for a message: retries, tools.
        package var callsPerMessage = 1.2

        package init() {}
    }

    /// Cores and bytes of memory of all pods.
    package struct Resources: Sendable, Equatable {
        package let cores: Double
        package let memory: Double
    }

    /// Twelve pods of two cores and four GiB, as LIA has planned for 180 messages/s.
    package static let compared = Resources(cores: 24, memory: 48 * 1_073_741_824)
    /// Besides those for turns, a worker has two for its leases.
    private static let leaseConnections = 2

    package let demand: SizingDemand
    package let cost: MessageCost
    package let assumptions: Assumptions

    /// Messages per second that count.
    package let rate: Double
    /// Turns in flight on average.
    package let inFlight: Double
    /// Turns that all workers together must be able to run.
    package let slots: Int
    /// Workers, one more than are needed.
    package let pods: Int
    package let gateways: Int
    package let slotsPerPod: Int
    /// Of the autoscaler, in slots of one pod.
    package let target: Double
    package let maximumPods: Int
    /// Of one worker, besides two for its leases.
    package let databaseConnections: Int
    package let requestsPerMinute: Double
    package let tokensPerMinute: Double

    package init(_ demand: SizingDemand, _ cost: MessageCost, _ assumptions: Assumptions = Assumptions()) {
        self.demand = demand
        self.cost = cost
        self.assumptions = assumptions
        self.rate = max(demand.rate, demand.peakPerHour / 3_600)
        self.inFlight = self.rate * (demand.model.mean + cost.added)
        self.slots = Int((self.inFlight + assumptions.deviations * self.inFlight.squareRoot()).rounded(.up))
        let cores = assumptions.utilisation * assumptions.podCores
        let byCPU = self.rate * cost.worker.perMessage / max(cores - cost.worker.idle, 0.01)
        let room = assumptions.memoryUtilisation * assumptions.podMemory - cost.workerMemory
        let byMemory = Double(self.slots) * cost.turnMemory / max(room, 1)
        let needed = max(1, Int(max(byCPU, byMemory).rounded(.up)))
        self.pods = needed + 1
        // Those that are left when one is gone have enough of them, with the wanted part in use on average.
        let perPod = max(Double(self.slots), self.inFlight / assumptions.slotUtilisation) / Double(needed)
        self.slotsPerPod = Int(perPod.rounded(.up))
        self.target = assumptions.slotUtilisation * Double(self.slotsPerPod)
        self.maximumPods = 3 * self.pods
        let doors = self.rate * cost.gateway.perMessage / max(cores - cost.gateway.idle, 0.01)
        self.gateways = max(1, Int(doors.rounded(.up))) + 1
        // A commit takes some milliseconds, and groups form when connections are busy.
        let commits = cost.commits.perSecond(at: self.rate) / Double(needed)
        self.databaseConnections = max(3, Int((commits * 0.01 / 0.5).rounded(.up)))
        self.requestsPerMinute = 60 * self.rate * assumptions.callsPerMessage
        self.tokensPerMinute = self.requestsPerMinute * demand.tokens
    }

    /// Of workers and gateways; stores come on top, here as there.
    package var resources: Resources {
        let pods = Double(self.pods + self.gateways)
        return Resources(cores: pods * self.assumptions.podCores, memory: pods * self.assumptions.podMemory)
    }

    /// Connections of all pods to PostgreSQL at most.
    package var allDatabaseConnections: Int {
        (self.pods + self.gateways) * (self.databaseConnections + Self.leaseConnections)
    }

    /// How often the load of a store that has one core for it fits into that core.
    package var redisHeadroom: Double { 1 / max(self.cost.redis.perSecond(at: self.rate), 0.001) }
    package var postgresCores: Double { self.cost.postgres.perSecond(at: self.rate) }
}
