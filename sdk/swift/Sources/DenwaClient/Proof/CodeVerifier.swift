import Foundation

/// The secret of one sign-in, which its code is worth nothing without (PKCE, RFC 7636).
struct CodeVerifier: Sendable, Hashable, Codable {
    let text: String

    init(_ text: String = randomText()) { self.text = text }

    /// Sent first, so that whoever sees it cannot tell the verifier (§4.2).
    var challenge: String { Digest.sha256(Data(text.utf8)).base64URL }

    var announcement: Form { ["code_challenge": challenge, "code_challenge_method": "S256"] }
}
