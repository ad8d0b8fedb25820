package import Cryptography
package import RateLimiting
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
    /// Counts first: each identifier is a row, and anybody can think of one.
    func spend(
        _ identifier: OneTimeIdentifier, charging charges: [LimitCharge], at now: Timestamp
    ) async throws -> IdentifierSpending
}

package enum IdentifierSpending: Sendable, Equatable {
    /// For the one call that is the first with its identifier.
    case first
    case repeated
    case limited(LimitRefusal)
}

extension OneTimeIdentifierStore {
    /// The same, in the words of an OAuth endpoint.
    func spend(
        _ identifier: OneTimeIdentifier, charging charges: [LimitCharge], repeated: OAuthError, at now: Timestamp
    ) async throws(OAuthError) {
        let spending: IdentifierSpending
        do { spending = try await spend(identifier, charging: charges, at: now) } catch { throw .serverError(error) }
        switch spending {
        case .first: return
        case .repeated: throw repeated
        case .limited(let refusal): throw .limited(refusal)
        }
    }
}
