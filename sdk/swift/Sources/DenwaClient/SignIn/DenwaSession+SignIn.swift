import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

extension DenwaSession {
    /// Texts a code to a number.
    ///
    /// - Parameters:
    ///   - phoneNumber: with `+` and country code; spaces, dots, dashes and brackets may be in it.
    ///   - flow: how number and code travel.
    /// - Throws: ``DenwaError/Reason-swift.struct/notAPhoneNumber``,
    ///   ``DenwaError/Reason-swift.struct/numberGetsNoTexts``, ``DenwaError/Reason-swift.struct/tooManyRequests``,
    ///   ``DenwaError/Reason-swift.struct/unavailable``, ``DenwaError/Reason-swift.struct/browserNeeded`` and others.
    public func requestCode(
        for phoneNumber: String, by flow: SignInFlow = .phoneLogin
    ) async throws(DenwaError) -> PendingSignIn {
        let number = phoneNumber.asPhoneNumber
        return switch flow {
        case .phoneLogin: try await requestPhoneLogin(number)
        case .challenge: try await requestChallenge(number)
        }
    }

    /// Texts the code once more, from ``PendingSignIn/resendAt`` on. The new sign-in takes the place of the old one.
    public func resendCode(for pending: PendingSignIn) async throws(DenwaError) -> PendingSignIn {
        switch pending.flow {
        case .phoneLogin: try await requestPhoneLogin(pending.phoneNumber)
        case .challenge: try await resendChallenge(pending)
        }
    }

    /// Signs in with the code that the person typed.
    ///
    /// - Throws: ``DenwaError/Reason-swift.struct/wrongCode`` when it is not the one, and may be tried again;
    ///   ``DenwaError/Reason-swift.struct/signInOver`` when another one has to be requested; and others.
    public func confirm(_ code: String, for pending: PendingSignIn) async throws(DenwaError) {
        let authorizationCode =
            switch pending.flow {
            case .phoneLogin: try await confirmPhoneLogin(code.asCode, pending)
            case .challenge: try await answerChallenge(code.asCode, pending)
            }
        try await redeem(authorizationCode, pending.secrets)
    }

    /// Trades the authorization code for tokens (RFC 6749 §4.1.3), once: a code that comes twice counts as stolen.
    func redeem(_ code: String, _ secrets: SignInSecrets) async throws(DenwaError) {
        let tokens = try await grant([
            "grant_type": "authorization_code", "code": code, "code_verifier": secrets.verifier.text,
            "redirect_uri": secrets.redirectURI,
        ])
        if let idToken = tokens.idToken {
            try IDToken.check(idToken, issuer: configuration.issuerText, client: configuration.clientID, secrets.nonce)
        }
        try hold(tokens)
    }

    /// Secrets of a new sign-in.
    ///
    /// - Parameter takesNonce: whether the flow has a `nonce`, which the phone login has not.
    func newSecrets(takesNonce: Bool) -> SignInSecrets {
        let wantsIDToken = configuration.scope.split(separator: " ").contains("openid")
        return SignInSecrets(
            nonce: takesNonce && wantsIDToken ? randomText() : nil, redirectURI: configuration.redirectURI)
    }

    /// What every flow asks for.
    func wishes(_ secrets: SignInSecrets) -> Form {
        let languages = configuration.languages.joined(separator: " ")
        return secrets.verifier.announcement.merging([
            "response_type": "code", "client_id": configuration.clientID, "scope": configuration.scope,
            "redirect_uri": secrets.redirectURI, "nonce": secrets.nonce,
            "ui_locales": languages.isEmpty ? nil : languages,
        ])
    }
}
