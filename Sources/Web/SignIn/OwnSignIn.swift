package import Cryptography
package import OAuth

/// The way to the ordinary sign-in and back, for the server's own pages. The code that comes back is for nobody: its
/// challenge has no verifier.
package struct OwnSignIn: Sendable {
    private let issuer: Issuer
    private let entropy: Entropy

    package init(issuer: Issuer, entropy: Entropy) {
        self.issuer = issuer
        self.entropy = entropy
    }

    /// - Parameter path: of a redirect URI of the built-in client.
    /// - Parameter state: what the page wants to know when the person is back.
    func address(backTo path: String, state: String? = nil, isFresh: Bool = false) -> String {
        let parameters = [
            ("response_type", "code"), ("client_id", ClientID.accountPage.rawValue),
            ("redirect_uri", issuer.appending(path)), ("state", state ?? entropy.identifier()),
            ("code_challenge", entropy.token()), ("code_challenge_method", "S256"),
        ]
        let query = (parameters + (isFresh ? [("prompt", "login")] : []))
            .map { "\($0.0)=\(PercentEncoding.encode($0.1))" }.joined(separator: "&")
        return "/oauth2/authorize?\(query)"
    }
}
