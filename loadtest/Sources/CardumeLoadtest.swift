import ArgumentParser
import CardumeLoad
import CardumeTesting
import Foundation

@main
struct CardumeLoadtest: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cardume-loadtest",
        abstract: "Puts a Cardume deployment under realistic load, and says whether it keeps its objectives.",
        discussion: """
            Open loop: messages are sent at times drawn beforehand, and latency counts from these times. Every reply is held against \
            its message: nothing may be lost, repeated, or out of order.

            Exit status: 0 passed, 1 failed, 2 could not run, 3 invalid (the load was not what it should have been), 64 wrong usage.
            """,
        subcommands: [
            SteadyCommand.self, RampCommand.self, FindLimitCommand.self, SpikeCommand.self, SoakCommand.self,
            StressCommand.self, ChannelsCommand.self, ReportCommand.self,
        ]
    )

    static func main() async {
        do {
            var command = try Self.parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let failure as LoadFailure {
            Self.fail(failure.description)
        } catch let problem as Objectives.Problem {
            Self.fail(problem.description)
        } catch let error as ServerError {
            Self.fail(error.message)
        } catch {
            Self.exit(withError: error)
        }
    }

    private static func fail(_ message: String) -> Never {
        FileHandle.standardError.write(Data("cardume-loadtest: \(message)\n".utf8))
        Foundation.exit(2)
    }
}
