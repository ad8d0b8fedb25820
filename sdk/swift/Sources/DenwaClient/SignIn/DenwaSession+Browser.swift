public import Foundation

extension DenwaSession {
    /// A sign-in at the server's own pages, where a person who is signed in already types nothing.
    ///
    /// Needs ``DenwaConfiguration/redirectURI``.
    ///
    /// - Parameters:
    ///   - phoneNumber: fills in the number.
    ///   - prompt: `login`, `consent`, `select_account` or `none`, as OpenID Connect has them.
    public func browserSignIn(
        phoneNumber: String? = nil, prompt: String? = nil
    ) async throws(DenwaError) -> BrowserSignIn {
        guard configuration.redirectURI != nil else {
            throw DenwaError(.misconfigured, "a sign-in in the browser needs a redirectURI")
        }
        let secrets = newSecrets(takesNonce: true)
        var query = wishes(secrets)
        query["state"] = secrets.state
        query["login_hint"] = phoneNumber
        query["prompt"] = prompt
        query["dpop_jkt"] = try await keyThumbprint()
        let url = try await metadata().authorizationEndpoint.adding(query)
        return BrowserSignIn(url: url, secrets: secrets, sentState: true)
    }

    /// Signs in with what the browser brought back: the redirect URI with the answer in its query.
    ///
    /// - Throws: ``DenwaError/Reason-swift.struct/denied`` when the person said no, and others.
    public func finish(_ signIn: BrowserSignIn, at callback: URL) async throws(DenwaError) {
        let answer = callback.queryParameters
        // By the issuer an app knows that no other server's code is slipped to it (RFC 9207).
        guard answer["iss"] == configuration.issuerText,
            !signIn.sentState || answer["state"] == signIn.secrets.state
        else { throw DenwaError(.wrongAnswer, "the answer is not for this sign-in") }
        if let error = answer["error"] {
            let reason: DenwaError.Reason = error == "access_denied" ? .denied : .refused
            throw DenwaError(reason, answer["error_description"] ?? error, code: error)
        }
        guard let code = answer["code"] else { throw DenwaError(.wrongAnswer, "the answer has no code") }
        try await redeem(code, signIn.secrets)
    }

    /// Binds the code to come to this device's key (RFC 9449 §10).
    private func keyThumbprint() async throws(DenwaError) -> String? {
        guard let prover = try await deviceProver() else { return nil }
        do {
            return try await prover.thumbprint
        } catch {
            throw .storage(error)
        }
    }
}
