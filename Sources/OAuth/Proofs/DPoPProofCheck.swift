import Cryptography
package import RateLimiting
import Time

/// Checks proofs of possession (RFC 9449 §4.3) and spends them: each counts once, on whatever node.
package struct DPoPProofCheck: Sendable {
    /// What a proof may be signed with: no secret that others share.
    package static let algorithms = SignatureAlgorithm.allCases.filter { !$0.isSymmetric }.map(\.rawValue)

    private let issuer: Issuer
    private let identifiers: any OneTimeIdentifierStore
    package let nonces: DPoPNonces
    /// Whether a proof must hold a nonce of this server, so that none can be made in advance (§11.2).
    package let requiresNonce: Bool
    private let limitPerAddress: Limit?

    package init(
        issuer: Issuer, identifiers: any OneTimeIdentifierStore, nonces: DPoPNonces, requiresNonce: Bool,
        limitPerAddress: Limit?
    ) {
        self.limitPerAddress = limitPerAddress
        self.issuer = issuer
        self.identifiers = identifiers
        self.nonces = nonces
        self.requiresNonce = requiresNonce
    }

    /// - Parameters:
    ///   - proofs: every `DPoP` header of the request.
    ///   - address: whom the proof counts for; `nil`: it came with a token that was checked before it.
    /// - Returns: the thumbprint of the proven key; `nil` when the request brings no proof.
    func thumbprint(
        _ proofs: [String], method: String, path: String, accessToken: String? = nil,
        from address: String? = nil, at now: Timestamp
    ) async throws(OAuthError) -> String? {
        guard let text = proofs.first else { return nil }
        guard proofs.count == 1 else {
            throw OAuthError(.invalidDPoPProof, "a request has one DPoP header")
        }
        let proof = try DPoPProof(
            text, method: method, url: issuer.appending(path), accessToken: accessToken, at: now)
        try checkNonce(of: proof, at: now)
        try await spend(proof, from: address, at: now)
        return proof.thumbprint
    }

    private func checkNonce(of proof: DPoPProof, at now: Timestamp) throws(OAuthError) {
        guard let nonce = proof.nonce else {
            guard !requiresNonce else { throw useNonce(at: now) }
            return
        }
        guard nonces.isFresh(nonce, at: now) else { throw useNonce(at: now) }
    }

    private func useNonce(at now: Timestamp) -> OAuthError {
        OAuthError(
            .useDPoPNonce, "the DPoP proof needs the nonce of this answer", proofNonce: nonces.current(at: now))
    }

    private func spend(_ proof: DPoPProof, from address: String?, at now: Timestamp) async throws(OAuthError) {
        let identifier = OneTimeIdentifier(
            .dpopProof, of: proof.thumbprint, proof.identifier,
            expiresAt: proof.issuedAt.adding(seconds: DPoPProof.windowSeconds + 1))
        let charge = address.flatMap { LimitCharge(.proofPerIP, limitPerAddress, subject: $0) }
        try await identifiers.spend(
            identifier, charging: [charge].compactMap(\.self),
            repeated: OAuthError(.invalidDPoPProof, "the DPoP proof was used before"), at: now)
    }
}
