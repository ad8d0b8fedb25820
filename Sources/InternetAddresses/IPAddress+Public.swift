extension IPAddress {
    /// Whether it belongs to the public internet: anybody may be asked there without reaching into this network.
    ///
    /// By the registries of special-purpose addresses (RFC 6890 and what IANA added since). Of IPv6 only what is
    /// given out, 2000::/3, can be public, so a range that gets a meaning one day is refused until then. Addresses
    /// that carry an IPv4 one and are delivered there are as public as that one.
    package var isPublic: Bool {
        guard isIPv6 else { return !Self.specialIPv4.contains { $0.contains(self) } }
        if Self.translated.contains(self) { return IPAddress(bytes: Array(bytes[12...]))?.isPublic ?? false }
        return Self.givenOut.contains(self) && !Self.specialIPv6.contains { $0.contains(self) }
    }

    private static let specialIPv4 = networks([
        "0.0.0.0/8",  // this network; 0.0.0.0 connects to this machine
        "10.0.0.0/8",  // private (RFC 1918)
        "100.64.0.0/10",  // carriers' own (RFC 6598)
        "127.0.0.0/8",  // loopback
        "169.254.0.0/16",  // link-local; clouds tell secrets at 169.254.169.254
        "172.16.0.0/12",  // private
        "192.0.0.0/24",  // protocol assignments (RFC 6890)
        "192.0.2.0/24",  // documentation
        "192.88.99.0/24",  // 6to4 relays (RFC 7526)
        "192.168.0.0/16",  // private
        "198.18.0.0/15",  // benchmarking (RFC 2544)
        "198.51.100.0/24",  // documentation
        "203.0.113.0/24",  // documentation
        "224.0.0.0/4",  // multicast
        "240.0.0.0/4",  // reserved, and broadcast
    ])

    private static let givenOut = network("2000::/3")

    private static let specialIPv6 = networks([
        "2001::/23",  // protocol assignments: Teredo, benchmarking, ORCHID
        "2001:db8::/32",  // documentation
        "2002::/16",  // 6to4: delivered to the IPv4 address inside
        "3fff::/20",  // documentation (RFC 9637)
    ])

    /// NAT64 (RFC 6052 §2.1): where a network has IPv6 alone, names of IPv4 servers resolve to these.
    private static let translated = network("64:ff9b::/96")

    private static func networks(_ texts: [String]) -> [IPNetwork] { texts.map(network) }

    private static func network(_ text: String) -> IPNetwork {
        guard let network = IPNetwork(text) else { preconditionFailure("not a network: \(text)") }
        return network
    }
}
