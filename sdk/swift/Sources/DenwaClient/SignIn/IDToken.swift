import Foundation

/// What an app has to check in an ID token. Its signature is not among that: it came straight from the token endpoint,
/// over TLS (OpenID Connect Core 1.0 §3.1.3.7).
struct IDToken: Decodable {
    let iss: String
    let aud: String
    let nonce: String?

    static func check(_ text: String, issuer: String, client: String, _ nonce: String?) throws(DenwaError) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let payload = Data(base64URL: parts[1]),
            let token = try? JSONDecoder().decode(Self.self, from: payload),
            token.iss == issuer, token.aud == client, token.nonce == nonce
        else { throw DenwaError(.wrongAnswer, "the ID token is not for this sign-in") }
    }
}
