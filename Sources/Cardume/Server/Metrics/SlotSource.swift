import CardumeActors
import CardumeCore
import CardumeRuntime

/// The slots of this process, by assistant and lane.
struct SlotSource: MetricSource {
    let dispatcher: Dispatcher

    func samples() async -> [MetricSample] {
        self.dispatcher.slots.flatMap { assistant, bulkhead in Self.samples(assistant.rawValue, bulkhead) }
    }

    private static func samples(_ assistant: String, _ bulkhead: Bulkhead) -> [MetricSample] {
        let (limits, lanes) = (bulkhead.limits, bulkhead.lanes)
        var samples = [
            MetricSample("cardume_slots_limit", ["assistant": assistant], Double(limits.slots)),
            MetricSample("cardume_assistant_paused", ["assistant": assistant], limits.isPaused ? 1 : 0),
        ]
        for lane in Lane.allCases {
            let labels = ["assistant": assistant, "lane": lane.rawValue]
            samples.append(MetricSample("cardume_slots_in_use", labels, Double(lanes[lane]?.inUse ?? 0)))
            samples.append(MetricSample("cardume_slots_waiting", labels, Double(lanes[lane]?.waiting ?? 0)))
            if let slots = limits[lane].slots {
                samples.append(MetricSample("cardume_lane_slots_limit", labels, Double(slots)))
            }
        }
        for (lane, found) in bulkhead.adaptations {
            let labels = ["assistant": assistant, "lane": lane.rawValue]
            samples.append(MetricSample("cardume_adaptive_limit", labels, Double(found.limit)))
            if let baseline = found.baseline {
                samples.append(MetricSample("cardume_adaptive_baseline_seconds", labels, baseline.seconds))
            }
            if let latency = found.latency {
                samples.append(MetricSample("cardume_adaptive_latency_seconds", labels, latency.seconds))
            }
        }
        return samples
    }
}
