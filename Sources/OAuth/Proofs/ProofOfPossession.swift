import DeveloperLog

/// Decides which key the tokens of a request are bound to (RFC 9449 §5, RFC 8705 §3).
package struct ProofOfPossession: Sendable {
    package let dpop: DPoPProofCheck

    package init(dpop: DPoPProofCheck) { self.dpop = dpop }

    /// `nil`: tokens that whoever holds them may use.
    func confirmation(of request: ClientRequest, by client: Client) async throws(OAuthError) -> KeyConfirmation? {
        if client.bindsTokensToCertificate {
            guard request.proofs.isEmpty else {
                throw OAuthError(.invalidDPoPProof, "this client's tokens are bound to its TLS certificate")
            }
            guard let thumbprint = request.certificateThumbprint else {
                throw .invalidRequest("the client's TLS certificate is missing")
            }
            return .certificateThumbprint(thumbprint)
        }
        let thumbprint = try await keyThumbprint(of: request)
        guard thumbprint != nil || !client.requiresDPoP else {
            throw OAuthError(.invalidDPoPProof, "this client's requests need a DPoP proof")
        }
        return thumbprint.map(KeyConfirmation.jwkThumbprint)
    }

    /// Of the key that the request's proof shows, if it brings one.
    package func keyThumbprint(of request: ClientRequest) async throws(OAuthError) -> String? {
        try await dpop.thumbprint(
            request.proofs, method: request.method, path: request.path, from: request.origin.address ?? "",
            at: request.now)
    }
}
