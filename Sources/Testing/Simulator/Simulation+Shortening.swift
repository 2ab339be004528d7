extension Simulation {
    /// A simulation of the same seed that breaks the same promise with fewer faults and messages: each that is not needed is
    /// left out, again and again, until all are.
    package func shortened() -> Simulation {
        guard let promise = self.run().violation?.promise else { return self }
        var shortest = self
        let whole = SimulationPlan(seed: self.seed, kinds: self.kinds)
        var isShorter = true
        while isShorter {
            isShorter = false
            for index in whole.faults.indices where !shortest.omittedFaults.contains(index) {
                var shorter = shortest
                shorter.omittedFaults.insert(index)
                guard shorter.run().violation?.promise == promise else { continue }
                (shortest, isShorter) = (shorter, true)
            }
            for index in whole.arrivals.indices where !shortest.omittedMessages.contains(index) {
                var shorter = shortest
                shorter.omittedMessages.insert(index)
                guard shorter.run().violation?.promise == promise else { continue }
                (shortest, isShorter) = (shorter, true)
            }
        }
        return shortest
    }

    /// How `cardume-bench simulate` is told to run it again.
    package var arguments: String {
        var arguments = ["--seed \(self.seed)"]
        if self.kinds.count < FaultKind.allCases.count {
            arguments.append(
                "--faults \(FaultKind.allCases.filter(self.kinds.contains).map(\.rawValue).joined(separator: " "))")
        }
        if let safeguard = self.without.first { arguments.append("--without \(safeguard.rawValue)") }
        func list(_ numbers: Set<Int>) -> String { numbers.sorted().map(String.init).joined(separator: " ") }
        if !self.omittedFaults.isEmpty { arguments.append("--omit-faults \(list(self.omittedFaults))") }
        if !self.omittedMessages.isEmpty { arguments.append("--omit-messages \(list(self.omittedMessages))") }
        return arguments.joined(separator: " ")
    }
}
