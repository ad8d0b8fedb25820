import InternetAddresses
import Testing

@testable import Web

@Suite struct ClientAddressTests {
    @Test(arguments: [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("::1", "0:0:0:0::/64"),
    ])
    func `an address is counted alone, an IPv6 subscriber as one`(_ text: String, _ counted: String) {
        #expect(IPAddress(text)?.countedAs == counted)
    }

    @Test(arguments: [
        "", "192.0.2", "192.0.2.256", "192.0.2.7 ", " 192.0.2.7", "0x7f.1", "::g", "[::1]", "fe80::1%eth0", "localhost",
        "192.0.2.7:80", String(repeating: "1", count: 200),
    ])
    func `what is not exactly one address is none`(_ text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false), ("192.0.2.7", "192.0.2.7", true),
        ("192.0.2.7", "192.0.2.8", false), ("192.0.2.128/25", "192.0.2.127", false), ("0.0.0.0/0", "203.0.113.9", true),
        ("0.0.0.0/0", "::1", false), ("2001:db8::/32", "2001:db8:ffff::1", true),
        ("2001:db8::/32", "2001:db9::1", false),
    ])
    func `a network holds the addresses that share its prefix`(_ network: String, _ address: String, _ holds: Bool)
        throws
    {
        let network = try #require(IPNetwork(network))
        #expect(network.contains(try #require(IPAddress(address))) == holds)
    }

    @Test(arguments: ["10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "/8", "10.0.0.0/8/8", "::/129", "proxy"])
    func `a network that does not exist is refused`(_ text: String) {
        #expect(IPNetwork(text) == nil)
    }

    /// Attack 3: a header that any caller can write must not choose whom a limit counts.
    struct Hop: CustomTestStringConvertible {
        let what: String
        var peer = "10.0.0.1"
        var trusted = ["10.0.0.0/8"]
        var forwardedFor: [String] = []
        var forwarded: [String] = []
        let client: String
        var testDescription: String { what }
    }

    @Test(arguments: [
        Hop(what: "nobody is trusted", trusted: [], forwardedFor: ["203.0.113.9"], client: "10.0.0.1"),
        Hop(
            what: "the peer is a stranger", peer: "198.51.100.1", forwardedFor: ["203.0.113.9"], client: "198.51.100.1"),
        Hop(what: "one proxy", forwardedFor: ["203.0.113.9"], client: "203.0.113.9"),
        Hop(what: "a forged hop on the left", forwardedFor: ["1.2.3.4, 203.0.113.9"], client: "203.0.113.9"),
        Hop(what: "two header lines", forwardedFor: ["1.2.3.4", "203.0.113.9"], client: "203.0.113.9"),
        Hop(what: "two proxies", forwardedFor: ["203.0.113.9, 10.0.0.2"], client: "203.0.113.9"),
        Hop(what: "nonsense on the right", forwardedFor: ["203.0.113.9, nonsense"], client: "10.0.0.1"),
        Hop(what: "no header", client: "10.0.0.1"),
        Hop(what: "with a port", forwardedFor: ["203.0.113.9:4711"], client: "203.0.113.9"),
        Hop(what: "RFC 7239", forwarded: ["for=203.0.113.9;proto=https"], client: "203.0.113.9"),
        Hop(what: "RFC 7239, IPv6", forwarded: [#"for="[2001:db8::1]:4711""#], client: "2001:db8:0:0::/64"),
        Hop(what: "RFC 7239, obfuscated", forwarded: ["for=_hidden"], client: "10.0.0.1"),
    ])
    func `the right-most hop that nobody vouches for is the client`(_ hop: Hop) {
        let proxies = TrustedProxies(
            hop.trusted.compactMap { IPNetwork($0) }, header: hop.forwarded.isEmpty ? .xForwardedFor : .forwarded)
        let address = proxies.clientAddress(
            peer: IPAddress(hop.peer), forwardedFor: hop.forwardedFor, forwarded: hop.forwarded)
        #expect(address?.countedAs == hop.client)
    }

    /// What the proxies do not write is what the client sent.
    @Test func `only the configured header is read`() {
        let network = [IPNetwork("10.0.0.0/8")].compactMap(\.self)
        for (header, client) in [(TrustedProxies.Header.xForwardedFor, "203.0.113.9"), (.forwarded, "198.51.100.1")] {
            let address = TrustedProxies(network, header: header).clientAddress(
                peer: IPAddress("10.0.0.1"), forwardedFor: ["203.0.113.9"], forwarded: ["for=198.51.100.1"])
            #expect(address?.countedAs == client)
        }
    }

    @Test func `a quote hidden under a combining mark is escaped`() {
        #expect(HTML.escape("\"\u{301}<&'>") == "&quot;\u{301}&lt;&amp;&#39;&gt;")
    }
}
