/// The pushed authorization request endpoint (RFC 9126 §2) without its HTTP.
package struct PushedAuthorizationEndpoint: Sendable {
    private let authenticator: ClientAuthenticator
    private let proofs: ProofOfPossession
    private let requests: AuthorizationRequestReader
    private let pushed: PushedRequests

    package init(
        authenticator: ClientAuthenticator, proofs: ProofOfPossession, requests: AuthorizationRequestReader,
        pushed: PushedRequests
    ) {
        self.authenticator = authenticator
        self.proofs = proofs
        self.requests = requests
        self.pushed = pushed
    }

    package func respond(to request: ClientRequest) async throws(OAuthError) -> PushedReference {
        let client = try await authenticator.authenticate(request).client
        let checked = try await requests.readPushed(request.form, of: client, at: request.now)
        // Whoever authenticated need not say its name again in the form, but the browser's request is found by it.
        var parameters = [("client_id", client.id.rawValue)] + checked.carried.filter { $0.name != "client_id" }
        // RFC 9449 §10.1: a proof here is as good as the parameter.
        if let thumbprint = try await proofs.keyThumbprint(of: request) {
            guard checked.keyThumbprint == nil || checked.keyThumbprint == thumbprint else {
                throw OAuthError(.invalidDPoPProof, "dpop_jkt is not the key of the DPoP proof")
            }
            parameters.removeAll { $0.name == "dpop_jkt" }
            parameters.append(("dpop_jkt", thumbprint))
        }
        return try await pushed.push(
            parameters, from: checked.envelope?.once, of: client,
            by: request.origin, at: request.now)
    }
}
