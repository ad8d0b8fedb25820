package import Cryptography

/// Seals bodies for the queue and opens them for delivery; bound to the message's id, so that rows cannot be swapped.
package struct MessageSeal: Sendable {
    private let key: SealingKey
    private let entropy: Entropy

    package init(secret: [UInt8], entropy: Entropy) {
        key = SealingKey(secret: secret, purpose: "message body")
        self.entropy = entropy
    }

    package func seal(_ body: String, id: String) -> [UInt8] {
        key.seal(Array(body.utf8), bindingTo: Array(id.utf8), entropy: entropy)
    }

    /// `nil` when the key changed since it was queued.
    package func open(_ sealed: [UInt8], id: String) -> String? {
        guard let bytes = try? key.open(sealed, bindingTo: Array(id.utf8)) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }
}
