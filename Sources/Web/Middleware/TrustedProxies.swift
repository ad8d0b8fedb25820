package import InternetAddresses

/// Whose word on the client's address is taken (`http.trustedProxies`). By default nobody's: a header that any
/// caller can write must not choose whom a limit counts.
package struct TrustedProxies: Sendable {
    /// The one header that the proxies write. The other is whatever the client sent, so it is never read.
    package enum Header: String, Sendable, CaseIterable {
        case xForwardedFor = "X-Forwarded-For"
        case forwarded = "Forwarded"
    }

    private let networks: [IPNetwork]
    private let header: Header

    package init(_ networks: [IPNetwork], header: Header = .xForwardedFor) {
        self.networks = networks
        self.header = header
    }

    func trusts(_ address: IPAddress) -> Bool { networks.contains { $0.contains(address) } }

    /// The peer itself, unless it is a trusted proxy: then the right-most hop that is not one. Everything left
    /// of that hop was written by somebody nobody vouches for.
    func clientAddress(peer: IPAddress?, forwardedFor: [String], forwarded: [String]) -> IPAddress? {
        guard let peer, !networks.isEmpty, trusts(peer) else { return peer }
        let hops =
            switch header {
            case .xForwardedFor: Self.hops(forwardedFor: forwardedFor)
            case .forwarded: Self.hops(forwarded: forwarded)
            }
        var client = peer
        for hop in hops.reversed() {
            guard let address = hop else { return client }
            client = address
            if !trusts(address) { return address }
        }
        return client
    }

    private static func hops(forwardedFor values: [String]) -> [IPAddress?] {
        values.flatMap { $0.split(separator: ",") }.map { address(in: $0) }
    }

    /// RFC 7239 §4: `for=192.0.2.1;proto=https, for="[2001:db8::1]:4711"`.
    private static func hops(forwarded values: [String]) -> [IPAddress?] {
        values.flatMap { $0.split(separator: ",") }.map { element in
            let pair = element.split(separator: ";").map { $0.drop(while: \.isWhitespace) }
                .first { $0.lowercased().hasPrefix("for=") }
            return pair.flatMap { address(in: $0.dropFirst(4)) }
        }
    }

    /// With or without a port, quotes and brackets.
    private static func address(in text: Substring) -> IPAddress? {
        var text = String(text.filter { !$0.isWhitespace && $0 != "\"" })
        if text.hasPrefix("[") {
            text = String(text.dropFirst().prefix { $0 != "]" })
        } else if text.filter({ $0 == ":" }).count == 1 {
            text = String(text.prefix { $0 != ":" })
        }
        return IPAddress(text)
    }
}
