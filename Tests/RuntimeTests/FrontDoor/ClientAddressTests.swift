import HTTPTypes
import Testing

@testable import CardumeRuntime

@Suite struct ClientAddressTests {
    private static func find(
        _ peer: String?, _ values: [String], trusted: [String], _ header: FrontDoorSettings.ForwardedHeader = .xForwardedFor
    ) -> String? {
        let address = ClientAddress(trusted: trusted.compactMap { AddressRange($0) }, header: header)
        var fields = HTTPFields()
        for value in values { fields.append(HTTPField(name: header.name, value: value)) }
        return address.find(peer: peer, fields)?.callerName
    }

    @Test func nobodyIsBelievedUnlessTrusted() {
        #expect(Self.find("203.0.113.9", ["198.51.100.1"], trusted: []) == "203.0.113.9")
        #expect(Self.find("203.0.113.9", ["198.51.100.1"], trusted: ["10.0.0.0/8"]) == "203.0.113.9")
        #expect(Self.find("10.1.2.3", ["198.51.100.1"], trusted: ["10.0.0.0/8"]) == "198.51.100.1")
        #expect(Self.find("::ffff:10.1.2.3", ["198.51.100.1"], trusted: ["10.0.0.0/8"]) == "198.51.100.1")
        #expect(Self.find(nil, ["198.51.100.1"], trusted: ["10.0.0.0/8"]) == nil)
    }

    /// What a caller wrote itself stands before what the proxies add.
    @Test func aForgedAddressIsNotReached() {
        let forged = ["192.0.2.66, 198.51.100.1", "10.0.0.7"]
        #expect(Self.find("10.0.0.8", forged, trusted: ["10.0.0.0/8"]) == "198.51.100.1")
        #expect(Self.find("10.0.0.8", ["192.0.2.66, unknown"], trusted: ["10.0.0.0/8"]) == "10.0.0.8")
        #expect(Self.find("10.0.0.8", ["10.0.0.1, 10.0.0.2"], trusted: ["10.0.0.0/8"]) == "10.0.0.1")
    }

    @Test func otherFormsAreUnderstood() {
        #expect(Self.find("10.0.0.8", ["198.51.100.1:4711"], trusted: ["10.0.0.8"]) == "198.51.100.1")
        let network = "32.1.13.184.0.1.0.2"
        #expect(Self.find("10.0.0.8", ["2001:db8:1:2::3"], trusted: ["10.0.0.8"]) == network)
        #expect(Self.find("10.0.0.8", ["[2001:db8:1:2:9::3]:4711"], trusted: ["10.0.0.8"]) == network, "one customer")
        let forwarded = ["for=192.0.2.66;proto=http, Proto=https;For=\"[2001:db8:1:2::3]:4711\";by=10.0.0.8"]
        #expect(Self.find("10.0.0.8", forwarded, trusted: ["10.0.0.8"], .forwarded) == network)
        #expect(Self.find("10.0.0.8", ["for=_hidden"], trusted: ["10.0.0.8"], .forwarded) == "10.0.0.8")
    }

    @Test func networksAreCompared() throws {
        let cases: [(String, String, Bool)] = [
            ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false), ("0.0.0.0/0", "8.8.8.8", true),
            ("192.0.2.128/25", "192.0.2.127", false), ("192.0.2.128/25", "192.0.2.129", true),
            ("2001:db8::/33", "2001:db8:7fff::1", true), ("2001:db8::/33", "2001:db8:8000::1", false),
            ("::/0", "10.0.0.1", false), ("192.0.2.1", "192.0.2.1", true),
        ]
        for (network, address, isInside) in cases {
            #expect(try #require(AddressRange(network)).contains(try #require(IPAddress(address))) == isInside, "\(network)")
        }
        for wrong in ["10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/-1", "10.0.0.0/8/8", "proxy", "", "10.0.0.0/"] {
            #expect(AddressRange(wrong) == nil, "\(wrong)")
        }
    }
}
