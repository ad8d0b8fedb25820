import InternetAddresses
import Testing

/// Attack: a client's URL that leads into the network of this server.
@Suite struct PublicAddressTests {
    @Test(arguments: [
        "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
        "128.0.0.0", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0",
        "192.0.3.0", "192.88.98.255", "192.88.100.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
        "198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0", "223.255.255.255", "::ffff:8.8.8.8",
        "2000::", "2001:200::1", "2001:db7:ffff::", "2001:db9::", "2003::1", "2606:4700:4700::1111", "3ffe:ffff::1",
        "64:ff9b::8.8.8.8",
    ])
    func `what anybody may ask is public`(_ text: String) throws {
        #expect(try #require(IPAddress(text)).isPublic)
    }

    /// The first and the last of each range that means something else.
    @Test(arguments: [
        ("this network", "0.0.0.0", "0.255.255.255"), ("private", "10.0.0.0", "10.255.255.255"),
        ("carriers'", "100.64.0.0", "100.127.255.255"), ("loopback", "127.0.0.0", "127.255.255.255"),
        ("link-local", "169.254.0.0", "169.254.255.255"), ("a cloud's metadata", "169.254.169.254", "169.254.169.254"),
        ("private", "172.16.0.0", "172.31.255.255"), ("protocols'", "192.0.0.0", "192.0.0.255"),
        ("documentation", "192.0.2.0", "192.0.2.255"), ("6to4 relays", "192.88.99.0", "192.88.99.255"),
        ("private", "192.168.0.0", "192.168.255.255"), ("benchmarks'", "198.18.0.0", "198.19.255.255"),
        ("documentation", "198.51.100.0", "198.51.100.255"), ("documentation", "203.0.113.0", "203.0.113.255"),
        ("multicast", "224.0.0.0", "239.255.255.255"), ("reserved", "240.0.0.0", "255.255.255.254"),
        ("broadcast", "255.255.255.255", "255.255.255.255"),
        ("unspecified", "::", "::"), ("loopback", "::1", "::1"),
        ("IPv4-compatible", "::8.8.8.8", "::127.0.0.1"), ("IPv4-mapped private", "::ffff:10.0.0.1", "::ffff:127.0.0.1"),
        ("IPv4-mapped metadata", "::ffff:a9fe:a9fe", "::ffff:169.254.169.254"),
        ("IPv4-translated", "::ffff:0:8.8.8.8", "::ffff:0:127.0.0.1"),
        ("NAT64 with private inside", "64:ff9b::10.0.0.1", "64:ff9b::127.0.0.1"),
        ("NAT64 with metadata inside", "64:ff9b::169.254.169.254", "64:ff9b::a9fe:a9fe"),
        ("NAT64 of a network's own", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"),
        ("discard-only", "100::", "100::ffff:ffff:ffff:ffff"), ("not given out", "1fff:ffff::", "4000::"),
        ("Teredo", "2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("benchmarks'", "2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff"), ("ORCHID", "2001:10::", "2001:1f:ffff::"),
        ("ORCHIDv2", "2001:20::", "2001:2f:ffff::"), ("protocols'", "2001::1", "2001:1ff:ffff::"),
        ("documentation", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("6to4", "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("6to4 of a private one", "2002:a00:1::", "2002:7f00:1::"),
        ("documentation", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"), ("segment routing", "5f00::", "5f00::1"),
        ("unique local", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("link-local", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("site-local", "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("multicast", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ])
    func `a range with a meaning of its own is not public`(_ range: (name: String, first: String, last: String)) throws
    {
        #expect(try !#require(IPAddress(range.first)).isPublic, "\(range.name)")
        #expect(try !#require(IPAddress(range.last)).isPublic, "\(range.name)")
    }

    @Test(arguments: ["192.0.2.7", "2001:db8:1:2:3:4:5:6", "::1", "64:ff9b::a00:1"])
    func `an address reads back as it is written`(_ text: String) throws {
        let address = try #require(IPAddress(text))
        #expect(IPAddress(address.text) == address)
    }
}
