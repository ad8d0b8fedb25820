import InternetAddresses

/// An address on a client's own server, taken apart.
///
/// The grammar is narrower than RFC 3986: what two readers of URLs could understand differently is no URL here, so the
/// host that is checked is the host that is asked.
struct ClientServerURL: Sendable, Equatable {
    let isSecure: Bool
    /// A name in lower case, or an address; IPv6 without its brackets.
    let host: String
    /// 443 for https, unless it names another.
    let port: Int
    /// Put together again from the parts.
    let text: String
    /// As it was written: a path and perhaps a query.
    private let target: Substring

    /// When the host is an address, there is nothing to look up.
    var address: IPAddress? { IPAddress(host) }

    init?(_ text: String) {
        guard text.utf8.count <= 2048, text.utf8.allSatisfy(Self.isAllowed) else { return nil }
        if text.hasPrefix("https://") {
            isSecure = true
        } else if text.hasPrefix("http://") {
            isSecure = false
        } else {
            return nil
        }
        let scheme = isSecure ? "https://" : "http://"
        let rest = text.dropFirst(scheme.utf8.count)
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        target = rest[authority.endIndex...]
        guard let (written, port) = Self.hostAndPort(authority) else { return nil }
        host = written.hasPrefix("[") ? String(written.dropFirst().dropLast()) : written
        self.port = Int(port.dropFirst()) ?? (isSecure ? 443 : 80)
        self.text = scheme + written + port + (target.hasPrefix("/") ? "" : "/") + target
    }

    /// Whether it can be the id of a client (draft-ietf-oauth-client-id-metadata-document §3): with a path, and without
    /// dot segments, which would make two texts of one address.
    var isDocument: Bool {
        let path = target.prefix { $0 != "?" }
        let segments = path.lowercased().replacing("%2e", with: ".").split(separator: "/")
        return path.hasPrefix("/") && !segments.contains(".") && !segments.contains("..")
    }

    private static func hostAndPort(_ authority: Substring) -> (host: String, port: String)? {
        let host: Substring
        if authority.hasPrefix("[") {
            guard let end = authority.firstIndex(of: "]") else { return nil }
            host = authority[...end]
            guard IPAddress(String(host.dropFirst().dropLast()))?.isIPv6 == true else { return nil }
        } else {
            host = authority.prefix { $0 != ":" }
            guard isName(host) else { return nil }
        }
        let port = authority[host.endIndex...]
        guard port.isEmpty || isPort(port) else { return nil }
        return (host.lowercased(), String(port))
    }

    /// Letters, digits and hyphens (RFC 1123 §2.1). A name that ends in a number is an address to some readers, so it
    /// must be one in its usual form: not `127.1`, nor `0x7f.0.0.1`.
    private static func isName(_ host: Substring) -> Bool {
        let labels = host.split(separator: ".", omittingEmptySubsequences: false)
        guard host.utf8.count <= 253, labels.allSatisfy(isLabel), let last = labels.last?.utf8.first else {
            return false
        }
        return !isDigit(last) || IPAddress(String(host)) != nil
    }

    private static func isLabel(_ label: Substring) -> Bool {
        (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
            && label.utf8.allSatisfy {
                isDigit($0) || $0 == UInt8(ascii: "-") || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0 | 0x20)
            }
    }

    private static func isPort(_ text: Substring) -> Bool {
        let digits = text.dropFirst()
        guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy(isDigit), let port = Int(digits) else {
            return false
        }
        return (1...65_535).contains(port)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    /// What RFC 3986 allows, without `#` (a fragment is nobody's to send) and `@` (nobody signs in).
    private static func isAllowed(_ byte: UInt8) -> Bool { (0x21...0x7E).contains(byte) && !forbidden.contains(byte) }

    private static let forbidden = Set("\"<>\\^`{|}#@".utf8)
}
