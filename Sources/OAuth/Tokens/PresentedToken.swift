package import Time

/// An access token that came to a protected resource of this server, with all that vouches for its bearer.
package struct PresentedToken: Sendable {
    package let token: String
    /// The scheme of the `Authorization` header (RFC 6750 §2.1, RFC 9449 §7.1).
    package let type: TokenType
    /// Every value of the `DPoP` header.
    package let proofs: [String]
    package let certificateThumbprint: String?
    package let method: String
    package let path: String

    package init(
        token: String, type: TokenType, proofs: [String], certificateThumbprint: String?, method: String, path: String
    ) {
        self.token = token
        self.type = type
        self.proofs = proofs
        self.certificateThumbprint = certificateThumbprint
        self.method = method
        self.path = path
    }
}

/// Decides whether whoever brings a token may use it: what `AccessTokenVerifier` cannot see in the token alone.
package struct AccessTokenAcceptance: Sendable {
    private let verifier: AccessTokenVerifier
    package let proofs: DPoPProofCheck

    package init(verifier: AccessTokenVerifier, proofs: DPoPProofCheck) {
        self.verifier = verifier
        self.proofs = proofs
    }

    /// A bound token is good only with its key, and under the scheme of its kind (RFC 9449 §7.2): a downgrade to
    /// `Bearer` is what a thief would try.
    package func accept(_ presented: PresentedToken, at now: Timestamp) async throws(OAuthError) -> AccessToken {
        let invalid = OAuthError(.invalidToken, "the access token is invalid, expired or revoked")
        guard let token = try? verifier.verify(presented.token, at: now),
            token.confirmation.tokenType == presented.type
        else { throw invalid }
        switch token.confirmation {
        case nil: return token
        case .certificateThumbprint(let expected):
            guard presented.certificateThumbprint == expected else { throw invalid }
            return token
        case .jwkThumbprint(let expected):
            let thumbprint = try await proofs.thumbprint(
                presented.proofs, method: presented.method, path: presented.path, accessToken: presented.token, at: now)
            guard let thumbprint else { throw OAuthError(.invalidDPoPProof, "a DPoP proof is missing") }
            guard thumbprint == expected else { throw invalid }
            return token
        }
    }
}
