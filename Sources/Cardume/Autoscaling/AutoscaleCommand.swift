import ArgumentParser
import CardumeCore
import CardumeRuntime
import Foundation

struct AutoscaleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "autoscale", abstract: "Tries an autoscaler's manifest before a cluster does.",
        subcommands: [Simulate.self, Trace.self])

    struct Simulate: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Plays a manifest over a load: pods, queue and age over time, and whether it flaps or lags.",
            discussion: """
                The autoscaler is Kubernetes' controller as its source has it, for External metrics; the workers are a model: \
                each message is a conversation of its own, and each turn takes the same time. --format csv gives every second.
                """)

        enum Format: String, ExpressibleByArgument, CaseIterable {
            case text
            case csv
        }

        @Option(help: ArgumentHelp("HorizontalPodAutoscaler (autoscaling/v2) or ScaledObject.", valueName: "file"))
        var manifest: String
        @Option(help: ArgumentHelp("Lines of seconds,messages_per_second; see `autoscale trace`.", valueName: "file"))
        var trace: String
        @Option(help: "The autoscaler's name, when the manifest has several.")
        var name: String?
        @Option(help: "Turns that a pod runs at once.")
        var slots = 64
        @Option(help: ArgumentHelp("How long a turn takes.", valueName: "seconds"))
        var turn = 4.0
        @Option(help: ArgumentHelp("From a pod's creation until it works.", valueName: "seconds"))
        var boot = 15.0
        @Option(help: ArgumentHelp("The pool's drain_target.", valueName: "seconds"))
        var drainTarget = 30.0
        @Option(help: ArgumentHelp("Between two scrapes.", valueName: "seconds"))
        var scrape = 15.0
        @Option(help: ArgumentHelp("How old the figure is when it is scraped.", valueName: "seconds"))
        var metricAge = 5.0
        @Option(help: "Pods at the start. Defaults to the manifest's minimum.")
        var replicas: Int?
        @Option(help: ArgumentHelp("When the metric cannot be read.", valueName: "from..to"))
        var metricMissing: String?
        @Option(help: ArgumentHelp("Processes that show the metric.", valueName: "count"))
        var duplicated = 1
        @Option(help: "What the metric's query does with them: max or sum.")
        var aggregation = "max"
        @Option(help: ArgumentHelp("Between two lines of the table.", valueName: "seconds"))
        var every: Int?
        @Option(help: "text or csv.")
        var format = Format.text
        @OptionGroup var output: JSONOption

        func validate() throws {
            for (name, value) in [("turn", self.turn), ("drain-target", self.drainTarget), ("scrape", self.scrape)]
            where !(0.25...86_400).contains(value) {
                throw ValidationError("--\(name) must be 0.25 to 86400 seconds")
            }
            for (name, value) in [("boot", self.boot), ("metric-age", self.metricAge)] where !(0...86_400).contains(value) {
                throw ValidationError("--\(name) must be 0 to 86400 seconds")
            }
            guard self.slots > 0, self.duplicated > 0, self.every ?? 1 > 0, self.replicas ?? 1 > 0 else {
                throw ValidationError("--slots, --duplicated, --every and --replicas must be over 0")
            }
            guard AutoscalingTrial.Aggregation(rawValue: self.aggregation) != nil else {
                throw ValidationError("--aggregation must be max or sum")
            }
            _ = try self.missing()
        }

        private func missing() throws -> Range<Double>? {
            guard let text = self.metricMissing else { return nil }
            let parts = text.components(separatedBy: "..").map { Double($0) }
            guard parts.count == 2, let from = parts[0], let to = parts[1], from < to else {
                throw ValidationError("--metric-missing must be two times in seconds, such as 600..1500")
            }
            return from..<to
        }

        func run() throws {
            let autoscaler = try self.read(self.manifest) { try AutoscalerManifest.read($0, name: self.name) }
            guard autoscaler.metrics.count == 1 else {
                throw CommandFailure(
                    "\(self.manifest): has \(autoscaler.metrics.count) metrics; the model has one figure, the demand")
            }
            let settings = AutoscalingTrial.Settings(
                autoscaler: autoscaler,
                fleet: WorkerFleet.Settings(
                    slotsPerPod: self.slots, turn: self.turn, boot: self.boot, drainTarget: self.drainTarget),
                scrape: self.scrape, metricAge: self.metricAge, missing: try self.missing(), reporters: self.duplicated,
                aggregation: AutoscalingTrial.Aggregation(rawValue: self.aggregation) ?? .max, replicas: self.replicas)
            let trace = try self.read(self.trace) { try LoadTrace(csv: $0) }
            let report = AutoscalingReport(AutoscalingTrial(settings, trace).run(), trace)
            if self.output.json { return print(try JSONOutput.text(report.body)) }
            print(self.format == .csv ? report.csv : report.text(every: self.every), terminator: "")
        }

        private func read<Value>(_ path: String, _ parse: (String) throws -> Value) throws -> Value {
            guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
                throw CommandFailure("\(path) cannot be read")
            }
            do {
                return try parse(text)
            } catch let mistake as LoadTrace.Mistake {
                throw CommandFailure("\(path):\(mistake.line): \(mistake.message)")
            } catch {
                throw CommandFailure("\(path): \(error)")
            }
        }
    }

    struct Trace: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Prints a load to try an autoscaler with, as in k8s/traces.",
            discussion: "steady, noisy, square, spike or business-day. With the same seed it is always the same.")

        @Argument(help: "Its name.")
        var shape: String
        @Option(help: "For those with chance in them.")
        var seed: UInt64 = 1

        func run() throws {
            guard let shape = LoadTrace.Shape(rawValue: self.shape) else {
                let names = LoadTrace.Shape.allCases.map(\.rawValue).joined(separator: ", ")
                throw CommandFailure("there is no load \"\(self.shape)\"; there are \(names)")
            }
            print(LoadTrace(shape, seed: self.seed).csv, terminator: "")
        }
    }
}
