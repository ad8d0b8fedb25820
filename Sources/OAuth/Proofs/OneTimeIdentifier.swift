package import Cryptography
package import Time

/// Something that counts once: a proof's, an assertion's or a request object's `jti`.
package struct OneTimeIdentifier: Sendable, Hashable {
    /// What kind of thing it names, so that identifiers of different kinds never meet.
    package enum Purpose: String, Sendable {
        case dpopProof, clientAssertion, authorizationRequest
    }

    package let digest: SHA256Digest
    /// From then on the thing itself is too old to be accepted, and its identifier need not be remembered.
    package let expiresAt: Timestamp

    /// - Parameter owner: whose identifier it is: two clients may choose the same one.
    package init(_ purpose: Purpose, of owner: String, _ identifier: String, expiresAt: Timestamp) {
        digest = SHA256Digest(of: "\(purpose.rawValue)\u{0}\(owner)\u{0}\(identifier)")
        self.expiresAt = expiresAt
    }

    init(digest: SHA256Digest, expiresAt: Timestamp) {
        self.digest = digest
        self.expiresAt = expiresAt
    }
}

/// Remembers what was used, for all nodes and over restarts.
package protocol OneTimeIdentifierStore: Sendable {
    /// True for the one call that is the first with this identifier.
    func spend(_ identifier: OneTimeIdentifier, at now: Timestamp) async throws -> Bool
}
