import AsyncHTTPClient
import CardumeLoad
import NIOCore

/// Looks at the target's metrics while it is under load.
struct Scraper: Sendable {
    /// What one look has shown; `nil` for what not all pages said.
    struct Look: Sendable {
        /// Unsettled messages: every process says the same.
        var depth: Double?
        /// Turns that run or wait for a slot: every process says the same.
        var inFlight: Double?
        /// Bytes, of all processes that were asked.
        var memory: Double?
    }

    private let pages: [String]
    private let client: HTTPClient

    init(_ pages: [String], _ client: HTTPClient) {
        self.pages = pages
        self.client = client
    }

    func look() async -> Look {
        let pages = await withTaskGroup(of: MetricsPage?.self) { group in
            for page in self.pages { group.addTask { await self.fetch(page) } }
            return await group.reduce(into: [MetricsPage?]()) { $0.append($1) }
        }
        let present = pages.compactMap(\.self)
        let memory = present.compactMap { $0.sum("cardume_process_resident_memory_bytes") }
        return Look(
            depth: present.compactMap { $0.sum("cardume_queue_depth") }.max(),
            inFlight: present.compactMap { $0.sum("cardume_turns_in_flight") }.max(),
            memory: memory.count == self.pages.count && !memory.isEmpty ? memory.reduce(0, +) : nil)
    }

    private func fetch(_ url: String) async -> MetricsPage? {
        guard let response = try? await self.client.execute(HTTPClientRequest(url: url), timeout: .seconds(5)),
            response.status == .ok, let body = try? await response.body.collect(upTo: 16 << 20)
        else { return nil }
        return MetricsPage(String(buffer: body))
    }
}
