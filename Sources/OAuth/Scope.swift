/// A scope: space-separated, case-sensitive tokens of printable ASCII (RFC 6749 §3.3).
package struct Scope: Hashable, Sendable {
    /// In the order they were asked for, without repeats.
    package let tokens: [String]

    package static let empty = Scope(tokens: [])

    private init(tokens: [String]) { self.tokens = tokens }

    /// `nil` when a token holds a character outside `%x21 / %x23-5B / %x5D-7E`, or the whole is over 1,024 bytes.
    package init?(_ text: String) {
        guard text.utf8.count <= 1024 else { return nil }
        var tokens: [String] = []
        for part in text.utf8.split(separator: UInt8(ascii: " ")) {
            guard part.allSatisfy({ (0x21...0x7E).contains($0) && $0 != 0x22 && $0 != 0x5C }) else { return nil }
            let token = String(Substring(part))
            if !tokens.contains(token) { tokens.append(token) }
        }
        self.tokens = tokens
    }

    package var isEmpty: Bool { tokens.isEmpty }
    package var text: String { tokens.joined(separator: " ") }

    /// The tokens of both, each once.
    package func union(_ other: Scope) -> Scope {
        Scope(tokens: tokens + other.tokens.filter { !tokens.contains($0) })
    }

    /// The tokens that both have.
    package func intersection(_ other: Scope) -> Scope { Scope(tokens: tokens.filter(other.tokens.contains)) }

    package func contains(_ token: String) -> Bool { tokens.contains(token) }
    package func isSubset(of other: Scope) -> Bool { tokens.allSatisfy(other.tokens.contains) }

    /// OpenID Connect Core §3.1.2.1: what makes a request one for authentication.
    package var isOpenID: Bool { contains("openid") }

    /// `offline` is what game SDKs send, `offline_access` what OpenID Connect Core §11 calls it.
    package var asksForRefreshToken: Bool { contains("offline") || contains("offline_access") }
}
