/// What a HorizontalPodAutoscaler's manifest says.
public struct AutoscalerSettings: Hashable, Sendable {
    /// Quantities in thousandths.
    public enum Target: Hashable, Sendable {
        /// What each pod is to have of the metric.
        case averageValue(Int64)
        /// What the metric is to be, by making pods come and go.
        case value(Int64)
    }

    public struct Metric: Hashable, Sendable {
        public var name: String
        public var target: Target

        public init(name: String, target: Target) {
            self.name = name
            self.target = target
        }
    }

    public struct Policy: Hashable, Sendable {
        public enum Kind: String, Sendable {
            case pods = "Pods"
            case percent = "Percent"
        }

        public var kind: Kind
        public var value: Int
        public var period: Duration

        public init(_ kind: Kind, _ value: Int, per period: Duration) {
            self.kind = kind
            self.value = value
            self.period = period
        }
    }

    public enum Selection: String, Sendable {
        case max = "Max"
        case min = "Min"
        case disabled = "Disabled"
    }

    /// Of one direction.
    public struct Rules: Hashable, Sendable {
        public var window: Duration
        public var select: Selection
        public var policies: [Policy]
        /// `nil` for the controller's 0.1.
        public var tolerance: Double?

        public init(window: Duration, select: Selection = .max, policies: [Policy], tolerance: Double? = nil) {
            self.window = window
            self.select = select
            self.policies = policies
            self.tolerance = tolerance
        }
    }

    public struct Behavior: Hashable, Sendable {
        public var up: Rules
        public var down: Rules

        /// - Parameters: what the API server fills in, by default.
        public init(up: Rules = Self.standardUp, down: Rules = Self.standardDown) {
            self.up = up
            self.down = down
        }

        public static let standardUp = Rules(
            window: .zero, policies: [Policy(.percent, 100, per: .seconds(15)), Policy(.pods, 4, per: .seconds(15))])
        public static let standardDown = Rules(
            window: .seconds(300), policies: [Policy(.percent, 100, per: .seconds(15))])
    }

    public var minReplicas: Int
    public var maxReplicas: Int
    public var metrics: [Metric]
    /// `nil` when the manifest has none: older rules count then.
    public var behavior: Behavior?

    public init(minReplicas: Int = 1, maxReplicas: Int, metrics: [Metric], behavior: Behavior? = nil) {
        self.minReplicas = minReplicas
        self.maxReplicas = maxReplicas
        self.metrics = metrics
        self.behavior = behavior
    }
}
