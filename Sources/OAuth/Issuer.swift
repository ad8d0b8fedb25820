/// This server's identifier (RFC 8414 §2). Links and metadata are built from it alone: what a request's Host
/// header says is the caller's word.
package struct Issuer: Sendable, Hashable {
    package let url: String

    /// `nil` unless it is an http or https URL without query, fragment or trailing slash.
    package init?(_ url: String) {
        var url = url
        while url.hasSuffix("/") { url.removeLast() }
        guard let redirect = RedirectURI(url),
            redirect.text.hasPrefix("http://") || redirect.text.hasPrefix("https://"),
            !url.contains("?")
        else { return nil }
        self.url = url
    }

    private init(known url: String) { self.url = url }

    /// A server for this machine alone.
    package static func localhost(port: Int) -> Issuer { Issuer(known: "http://localhost:\(port)") }

    package var isSecure: Bool { url.hasPrefix("https://") }

    /// The host without port, in lower case.
    package var host: String {
        let authority = url.drop { $0 != "/" }.dropFirst(2).prefix { $0 != "/" }
        if authority.hasPrefix("[") { return String(authority.prefix { $0 != "]" }.dropFirst()) }
        return authority.prefix { $0 != ":" }.lowercased()
    }

    /// True for a name that only this machine answers to.
    package var isLoopback: Bool {
        if host == "localhost" || host == "::1" { return true }
        let octets = host.split(separator: ".", omittingEmptySubsequences: false)
        return octets.count == 4 && octets[0] == "127" && octets.allSatisfy { UInt8($0) != nil }
    }

    package func appending(_ path: String) -> String { url + path }
}
