import Foundation

/// What is put under load.
struct Target: Sendable {
    /// Of the gateway, without a slash at the end.
    let url: String
    let secrets: SenderSecrets
    /// URLs of the pages that are looked at for queues and memory.
    let metrics: [String]
    /// What the target's operators have given to whoever may put load on it.
    let consent: String?

    /// Whether it is on this machine. Names other than `localhost` are not looked up.
    var isLoopback: Bool {
        guard let host = URLComponents(string: self.url)?.host?.lowercased() else { return false }
        let octets = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        let isLoopbackAddress = octets.count == 4 && octets[0] == 127 && !octets.contains(nil)
        return isLoopbackAddress || ["localhost", "::1", "[::1]"].contains(host)
    }
}
