package import InternetAddresses

/// Which addresses clients' URLs may lead to.
///
/// A stranger writes those URLs, and this server stands where it can reach what strangers cannot: databases, the
/// metadata services of clouds, itself (server-side request forgery, CWE-918).
package struct AddressRules: Sendable {
    /// Allowed though not public, on any port: an intranet's, or a test's.
    private let allowedNetworks: [IPNetwork]
    /// Whether `allowedNetworks` may be asked without TLS. Never in production.
    private let allowsHTTP: Bool

    package init(allowedNetworks: [IPNetwork] = [], allowsHTTP: Bool = false) {
        self.allowedNetworks = allowedNetworks
        self.allowsHTTP = allowsHTTP
    }

    /// All of a host's addresses must be allowed: which of them a connection takes is chance, and a name that mixes
    /// public and private ones is made for an attack.
    ///
    /// - Parameter onUsualPort: whether a public server is asked at the port of https alone.
    func check(_ addresses: [IPAddress], of url: ClientServerURL, onUsualPort: Bool) throws(ClientServerFailure) {
        if addresses.allSatisfy({ address in allowedNetworks.contains { $0.contains(address) } }) {
            guard url.isSecure || allowsHTTP else { throw .unusableURL }
            return
        }
        guard url.isSecure, !onUsualPort || url.port == 443 else { throw .unusableURL }
        let areAllowed = addresses.allSatisfy { address in
            address.isPublic || allowedNetworks.contains { $0.contains(address) }
        }
        guard areAllowed else { throw .addressNotPublic }
    }
}
