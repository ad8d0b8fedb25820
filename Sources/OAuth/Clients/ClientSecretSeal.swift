package import Cryptography

/// Keeps the secrets that HMAC needs out of the client file: only this server's own key opens them.
package struct ClientSecretSeal: Sendable {
    private let key: SealingKey

    package init(secret: [UInt8]) {
        key = SealingKey(secret: secret, purpose: "client secret")
    }

    package func seal(_ clientSecret: String, entropy: Entropy) -> String {
        Base64URL.encode(key.seal(Array(clientSecret.utf8), bindingTo: [], entropy: entropy))
    }

    /// `nil` for what another server sealed.
    package func open(_ sealed: String) -> String? {
        guard let bytes = Base64URL.decode(sealed), let secret = try? key.open(bytes, bindingTo: []) else { return nil }
        return String(validating: secret, as: UTF8.self)
    }
}
