import Cryptography

/// A registered redirection URI (RFC 6749 §3.1.2): absolute, without a fragment, of a scheme that a browser
/// or an operating system hands to the app.
package struct RedirectURI: Hashable, Sendable {
    package let text: String
    /// The part before the port and the part after it, for a loopback address registered without a fixed port.
    private let loopback: Loopback?

    private struct Loopback: Hashable, Sendable {
        let host: String
        let rest: String
    }

    package init?(_ text: String) {
        let bytes = text.utf8
        // Only what RFC 3986 allows in a URI. `\` and `*` are what open-redirect tricks and wildcards are made of.
        guard (4...2048).contains(bytes.count),
            bytes.allSatisfy({ (0x21...0x7E).contains($0) && !Self.forbidden.contains($0) }),
            let colon = bytes.firstIndex(of: UInt8(ascii: ":"))
        else { return nil }
        // RFC 3986 §3.1: schemes are case-insensitive.
        let scheme = text[..<colon].lowercased()
        guard Self.isScheme(scheme), !Self.dangerousSchemes.contains(scheme) else { return nil }
        if scheme == "http" || scheme == "https" {
            let rest = text[bytes.index(after: colon)...]
            guard rest.hasPrefix("//") else { return nil }
            let authority = rest.dropFirst(2).prefix { $0 != "/" && $0 != "?" }
            guard !authority.isEmpty, !authority.contains("@") else { return nil }
        }
        self.text = text
        loopback = Self.loopback(of: text)
    }

    private static let forbidden = Set("\"<>\\^`{|}#*".utf8)
    private static let dangerousSchemes: Set<String> = [
        "javascript", "data", "vbscript", "file", "blob", "about", "filesystem", "view-source",
    ]

    /// RFC 3986 §3.1.
    private static func isScheme(_ scheme: String) -> Bool {
        guard let first = scheme.utf8.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first | 0x20) else {
            return false
        }
        return scheme.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
                true
            default: false
            }
        }
    }

    /// Matches by exact string; RFC 8252 §7.3 lets the port of a loopback *address* differ, because a native
    /// app takes whichever is free. `localhost` is a name and may resolve elsewhere, so it stays exact (§8.3).
    package func matches(_ requested: String) -> Bool {
        if isExactly(requested) { return true }
        guard let loopback, let other = Self.loopback(of: requested) else { return false }
        return loopback == other
    }

    /// By bytes: to Swift, U+212A (the Kelvin sign) equals the letter K.
    package func isExactly(_ other: String) -> Bool { other.utf8.elementsEqual(text.utf8) }

    private static func loopback(of text: String) -> Loopback? {
        for host in ["http://127.0.0.1", "http://[::1]"] where text.hasPrefix(host) {
            var rest = text.dropFirst(host.count)
            if rest.first == ":" {
                let port = rest.dropFirst().prefix { $0.isASCII && $0.isNumber }
                guard let number = Int(port), (1...65535).contains(number) else { return nil }
                rest = rest.dropFirst(port.count + 1)
            }
            guard rest.isEmpty || rest.first == "/" || rest.first == "?" else { return nil }
            guard rest.utf8.allSatisfy({ (0x21...0x7E).contains($0) && !forbidden.contains($0) }) else { return nil }
            return Loopback(host: host, rest: String(rest))
        }
        return nil
    }

    /// `https`, `http`, or an app's own.
    package var scheme: String { text.prefix { $0 != ":" }.lowercased() }

    /// The host without port, as it is written; `nil` where there is none.
    package var host: String? {
        guard let separator = text.firstRange(of: "://") else { return nil }
        let authority = text[separator.upperBound...].prefix { $0 != "/" && $0 != "?" }
        let name = authority.hasPrefix("[") ? authority.prefix { $0 != "]" } + "]" : authority.prefix { $0 != ":" }
        return name.isEmpty ? nil : String(name)
    }

    /// Nothing but a scheme, a host and perhaps a port (RFC 6454 §6.2). Apps in a web view have schemes of their own.
    var isOrigin: Bool {
        !text.dropFirst(scheme.utf8.count + 3).contains { $0 == "/" || $0 == "?" }
    }

    /// http at an address of this machine.
    var isLoopbackHTTP: Bool { loopback != nil }

    /// https, a private-use scheme (RFC 8252 §7.1), or http on this machine.
    package var isAllowedInProduction: Bool {
        !text.prefix(7).lowercased().hasPrefix("http://") || loopback != nil || text.hasPrefix("http://localhost/")
            || text.hasPrefix("http://localhost:")
    }
}

/// A redirection URI that this client registered. Exists only if `Client.verifyRedirect` made it.
package struct VerifiedRedirect: Sendable, Hashable {
    package let uri: String
    /// False when the client left it out and its only one was taken.
    package let wasRequested: Bool

    /// An app's own scheme, which any app on the device can claim (RFC 8252 §7.1).
    package var isPrivateUse: Bool {
        let scheme = uri.prefix { $0 != ":" }.lowercased()
        return scheme != "https" && scheme != "http"
    }

    fileprivate init(uri: String, wasRequested: Bool) {
        self.uri = uri
        self.wasRequested = wasRequested
    }

    package func appending(_ parameters: [(name: String, value: String)]) -> String {
        RedirectURI.appending(parameters, to: uri)
    }
}

extension RedirectURI {
    func appending(_ parameters: [(name: String, value: String)]) -> String { Self.appending(parameters, to: text) }

    /// The URI with response parameters added to its query, which RFC 6749 §3.1.2 says must be kept.
    fileprivate static func appending(_ parameters: [(name: String, value: String)], to uri: String) -> String {
        let encoded = parameters.map { "\($0.name)=\(PercentEncoding.encode($0.value))" }.joined(separator: "&")
        guard let question = uri.firstIndex(of: "?") else { return "\(uri)?\(encoded)" }
        let query = uri[uri.index(after: question)...]
        return query.isEmpty || query.hasSuffix("&") ? "\(uri)\(encoded)" : "\(uri)&\(encoded)"
    }
}

package enum RedirectFailure: Error, Sendable, Equatable {
    case notRegistered
    /// Several are registered, or none, and the request names none.
    case missing
}

extension Client {
    package func verifyRedirect(_ requested: String?) throws(RedirectFailure) -> VerifiedRedirect {
        guard let requested else {
            guard redirectURIs.count == 1, let only = redirectURIs.first else { throw .missing }
            return VerifiedRedirect(uri: only.text, wasRequested: false)
        }
        guard redirectURIs.contains(where: { $0.matches(requested) }) else { throw .notRegistered }
        return VerifiedRedirect(uri: requested, wasRequested: true)
    }
}
