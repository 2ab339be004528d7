import HTTPTypes
import NIOCore

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// An IPv4 or IPv6 address. IPv4 addresses that are written as IPv6 (`::ffff:192.0.2.1`) are IPv4.
struct IPAddress: Hashable, Sendable {
    /// 4 or 16.
    let bytes: [UInt8]

    /// - Parameter text: without port, brackets or zone.
    init?(_ text: some StringProtocol) {
        let text = String(text)
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            self.bytes = withUnsafeBytes(of: &four) { Array($0) }
            return
        }
        var six = in6_addr()
        guard inet_pton(AF_INET6, text, &six) == 1 else { return nil }
        let bytes = withUnsafeBytes(of: &six) { Array($0) }
        let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10...11].allSatisfy { $0 == 0xFF }
        self.bytes = isMapped ? Array(bytes[12...]) : bytes
    }

    /// As proxies write it: perhaps with a port, IPv6 then in brackets; perhaps in quotes.
    init?(forwarded text: Substring) {
        var text = text.drop { $0 == " " || $0 == "\"" || $0 == "\t" }
        while let last = text.last, last == " " || last == "\"" || last == "\t" { text.removeLast() }
        if text.first == "[" {
            text = text.dropFirst().prefix { $0 != "]" }
        } else if text.count(where: { $0 == ":" }) == 1 {
            text = text.prefix { $0 != ":" }
        }
        self.init(text)
    }

    /// By whom requests are told apart: an IPv6 network of 64 bits is one customer.
    var callerName: String {
        let relevant = self.bytes.count == 4 ? self.bytes[...] : self.bytes[..<8]
        return relevant.map { String($0) }.joined(separator: ".")
    }
}

/// Addresses that begin with the same bits: `10.0.0.0/8`, or one address.
public struct AddressRange: Hashable, Sendable {
    private let base: [UInt8]
    private let bits: Int

    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let base = IPAddress(parts.first ?? "")?.bytes else { return nil }
        let most = base.count * 8
        let bits = parts.count == 2 ? Int(parts[1]) : most
        guard let bits, (0...most).contains(bits) else { return nil }
        self.base = base
        self.bits = bits
    }

    func contains(_ address: IPAddress) -> Bool {
        guard address.bytes.count == self.base.count else { return false }
        return (0..<self.bits).allSatisfy { bit in
            (address.bytes[bit / 8] ^ self.base[bit / 8]) & (0x80 >> (bit % 8)) == 0
        }
    }
}

/// Finds out who is calling, through proxies that say so.
struct ClientAddress: Sendable {
    /// Proxies whose word counts.
    let trusted: [AddressRange]
    let header: FrontDoorSettings.ForwardedHeader

    /// The last address on the way here that is no trusted proxy's; `nil` for callers without one.
    ///
    /// - Parameter peer: who is connected.
    func find(peer: String?, _ headers: HTTPFields) -> IPAddress? {
        guard let peer, var caller = IPAddress(peer) else { return nil }
        // From here outwards: each hop is vouched for by the one before it.
        for hop in self.hops(headers).reversed() {
            guard self.isTrusted(caller), let hop else { break }
            caller = hop
        }
        return caller
    }

    private func isTrusted(_ address: IPAddress) -> Bool { self.trusted.contains { $0.contains(address) } }

    /// As the proxies wrote them, the outermost first; `nil` for what is no address (`unknown`, `_hidden`).
    private func hops(_ headers: HTTPFields) -> [IPAddress?] {
        guard !self.trusted.isEmpty else { return [] }
        let elements = headers[values: self.header.name].flatMap { $0.split(separator: ",") }
        switch self.header {
        case .xForwardedFor: return elements.map { IPAddress(forwarded: $0) }
        case .forwarded: return elements.map { Self.forwarded($0) }
        }
    }

    /// One element of `Forwarded` (RFC 7239): `for=192.0.2.1;proto=https`.
    private static func forwarded(_ element: Substring) -> IPAddress? {
        for pair in element.split(separator: ";") {
            let parts = pair.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased().filter({ $0 != " " }) == "for" else { continue }
            return IPAddress(forwarded: parts[1])
        }
        return nil
    }
}

extension FrontDoorSettings.ForwardedHeader {
    var name: HTTPField.Name {
        switch self {
        case .xForwardedFor: HTTPField.Name("X-Forwarded-For")!
        case .forwarded: HTTPField.Name("Forwarded")!
        }
    }
}
