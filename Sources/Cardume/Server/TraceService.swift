import CardumeRuntime
import ServiceLifecycle

/// Hands spans to the collector until everything else has ended, and then the last of them.
struct TraceService: Service {
    let pipeline: TracePipeline

    func run() async throws {
        await withGracefulShutdownHandler {
            await self.pipeline.run()
        } onGracefulShutdown: {
            self.pipeline.stop()
        }
    }
}
