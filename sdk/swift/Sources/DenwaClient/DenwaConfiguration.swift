public import Foundation

/// Which server an app signs people in at, and as which client.
public struct DenwaConfiguration: Sendable, Hashable {
    /// The server, as its metadata names itself: `https://id.example.com`, without a slash at the end.
    public var issuer: URL
    /// The client in the server's `clients.json`. A public one: an app keeps no secret.
    public var clientID: String
    /// What is asked for. `offline_access` brings the refresh token that keeps people signed in.
    public var scope = "openid offline_access"
    /// One of the client's redirect URIs. Not needed when it has exactly one and no sign-in goes through a browser.
    public var redirectURI: String?
    /// Languages of texts and pages, best first, as BCP 47 tags.
    public var languages = Array(Locale.preferredLanguages.prefix(10))
    /// Whether tokens are bound to a key of this device (DPoP, RFC 9449), where the server can.
    ///
    /// Turn it off when an API that you call does not know the scheme `DPoP`.
    public var bindsTokensToDevice = true

    public init(issuer: URL, clientID: String) {
        self.issuer = issuer
        self.clientID = clientID
    }
}

extension DenwaConfiguration {
    /// The issuer as text, which is what metadata, ID tokens and answers are compared with.
    var issuerText: String {
        let text = issuer.absoluteString
        return text.hasSuffix("/") ? String(text.dropLast()) : text
    }
}

extension URL {
    /// Codes and tokens go over TLS, or do not leave this machine.
    var isProtected: Bool {
        switch scheme?.lowercased() {
        case "https": host != nil
        case "http": ["localhost", "127.0.0.1", "::1", "[::1]"].contains(host?.lowercased())
        default: false
        }
    }
}
