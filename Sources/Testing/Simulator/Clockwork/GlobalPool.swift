#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Takes the jobs that the thread of a simulation gives to the global pool, and leaves those of other threads alone.
///
/// A task that an actor begins has no preferred executor, and whatever it awaits resumes it on the global pool before it goes
/// back to its actor's executor. The runtime has a hook for those who bring a pool of their own; Swift has no other name for it.
enum GlobalPool {
    private typealias Original = @convention(thin) (UnownedJob) -> Void
    private typealias Hook = @convention(thin) (UnownedJob, Original) -> Void

    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        precondition(pthread_key_create(&key, nil) == 0, "no key for a thread's own memory is left")
        return key
    }()

    /// Sets the hook, once in a process.
    private static let isHooked: Bool = {
        guard let symbol = dlsym(dlopen(nil, RTLD_LAZY), "swift_task_enqueueGlobal_hook") else { return false }
        symbol.assumingMemoryBound(to: Hook?.self).pointee = { job, original in
            if let loop = GlobalPool.loop { loop.enqueueGlobally(job) } else { original(job) }
        }
        return true
    }()

    /// Of the simulation that the calling thread runs.
    private static var loop: SimulationLoop? {
        pthread_getspecific(Self.key).map { Unmanaged<SimulationLoop>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Runs `body`, during which the calling thread's jobs are all the loop's.
    static func withJobs<Result>(for loop: SimulationLoop, _ body: () throws -> Result) rethrows -> Result {
        precondition(Self.isHooked, "the Swift runtime has no hook for its global pool; is it linked statically?")
        pthread_setspecific(Self.key, Unmanaged.passUnretained(loop).toOpaque())
        defer { pthread_setspecific(Self.key, nil) }
        return try body()
    }
}
