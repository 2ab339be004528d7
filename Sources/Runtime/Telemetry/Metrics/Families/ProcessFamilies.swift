extension MetricFamily {
    /// The process itself.
    static let process: [MetricFamily] = [
        .init("cardume_build_info", .gauge, "Always 1.", labels: ["version", "role"]),
        .init(
            "cardume_process_phase", .gauge,
            "1 for the phase of the process (`starting`, `ready` or `draining`), 0 for the others.",
            labels: ["phase"]),
        .init("cardume_process_start_time_seconds", .gauge, "When it started, since 1970."),
        .init("cardume_process_cpu_seconds_total", .counter, "Processor time, of user and system."),
        .init("cardume_process_resident_memory_bytes", .gauge, "Memory in physical pages."),
        .init("cardume_process_threads", .gauge, "Threads."),
        .init("cardume_process_open_fds", .gauge, "Open file descriptors."),
        .init("cardume_process_max_fds", .gauge, "File descriptors at most."),
        .init(
            "cardume_allocator_bytes", .gauge,
            "jemalloc: `allocated` in objects, `active` in their pages, `resident` in physical memory, `retained` in address space.",
            labels: ["state"]),
    ]
}
