package import Accounts
package import Cryptography
package import DeveloperLog
package import RateLimiting
package import Time

/// What a token request brings to redeem a code (RFC 6749 §4.1.3, RFC 7636 §4.5).
package struct CodePresentation: Sendable {
    package let digest: SHA256Digest
    package let client: ClientID
    package let redirectURI: String?
    /// What the presented verifier hashes to.
    package let answeredChallenge: CodeChallenge?
    /// The key that the client showed.
    package let confirmation: KeyConfirmation?
    /// Stored if the grant asks for one; `nil` when the client may not use it.
    package let refreshToken: NewRefreshToken?
    /// The grant is kept at least this long.
    package let accessTokenExpiresAt: Timestamp

    package init(
        digest: SHA256Digest, client: ClientID, redirectURI: String?, answeredChallenge: CodeChallenge?,
        confirmation: KeyConfirmation? = nil, refreshToken: NewRefreshToken?, accessTokenExpiresAt: Timestamp
    ) {
        self.confirmation = confirmation
        self.accessTokenExpiresAt = accessTokenExpiresAt
        self.digest = digest
        self.client = client
        self.redirectURI = redirectURI
        self.answeredChallenge = answeredChallenge
        self.refreshToken = refreshToken
    }
}

package struct NewRefreshToken: Sendable {
    package let digest: SHA256Digest
    package let expiresAt: Timestamp
    /// The key that it is bound to; `nil`: its client has credentials of its own (RFC 9449 §5).
    package let confirmation: KeyConfirmation?

    package init(digest: SHA256Digest, expiresAt: Timestamp, confirmation: KeyConfirmation? = nil) {
        self.digest = digest
        self.expiresAt = expiresAt
        self.confirmation = confirmation
    }
}

package enum CodeRedemption: Sendable {
    /// With the `nonce` of the authorization request.
    case redeemed(Grant, nonce: String?)
    /// The code is spent, but the request does not fit it.
    case mismatched(CodeMismatch)
    /// Seen before: whatever it made is dead now.
    case replayed
    case unknown
    case limited(LimitRefusal)
}

package enum CodeMismatch: Sendable, Equatable {
    case redirectURI, codeVerifier, verifierMissing, verifierWithoutChallenge, key
}

/// What the row of a code says about the request it was made for, and the one rule that judges a presentation.
package struct CodeBinding: Sendable {
    package let redirectURI: String
    package let redirectWasRequested: Bool
    package let codeChallenge: CodeChallenge?
    /// Of the key that the code is bound to (RFC 9449 §10).
    package let keyThumbprint: String?

    package init(
        redirectURI: String, redirectWasRequested: Bool, codeChallenge: CodeChallenge?, keyThumbprint: String? = nil
    ) {
        self.keyThumbprint = keyThumbprint
        self.redirectURI = redirectURI
        self.redirectWasRequested = redirectWasRequested
        self.codeChallenge = codeChallenge
    }

    /// `nil` when the presentation fits. A verifier without a challenge is refused too, or PKCE could be
    /// stripped from the authorization request unseen (RFC 9700 §4.8.2).
    package func mismatch(of presentation: CodePresentation) -> CodeMismatch? {
        if let keyThumbprint, presentation.confirmation != .jwkThumbprint(keyThumbprint) { return .key }
        if let presented = presentation.redirectURI {
            guard presented.utf8.elementsEqual(redirectURI.utf8) else { return .redirectURI }
        } else if redirectWasRequested {
            return .redirectURI
        }
        switch (codeChallenge, presentation.answeredChallenge) {
        case (nil, nil): return nil
        case (nil, _?): return .verifierWithoutChallenge
        case (_?, nil): return .verifierMissing
        case (let expected?, let answered?): return expected == answered ? nil : .codeVerifier
        }
    }
}

package struct RefreshPresentation: Sendable {
    package let digest: SHA256Digest
    package let client: ClientID
    /// What stands against the refresh, of what was granted and the key that the token is bound to. A refusal spends
    /// nothing: it is a mistake in the request, not a use of the token.
    package let objection: @Sendable (Grant, KeyConfirmation?) -> OAuthError?
    package let successor: NewRefreshToken
    /// How long a spent token still answers with the same successor.
    package let graceSeconds: Int
    /// The grant is kept at least this long.
    package let accessTokenExpiresAt: Timestamp

    package init(
        digest: SHA256Digest, client: ClientID, successor: NewRefreshToken, graceSeconds: Int,
        accessTokenExpiresAt: Timestamp,
        objection: @escaping @Sendable (Grant, KeyConfirmation?) -> OAuthError? = { _, _ in nil }
    ) {
        self.accessTokenExpiresAt = accessTokenExpiresAt
        self.digest = digest
        self.client = client
        self.objection = objection
        self.successor = successor
        self.graceSeconds = graceSeconds
    }
}

package enum RefreshRotation: Sendable {
    /// The successor is stored: now, or by an earlier call inside the grace.
    case rotated(Grant)
    /// Seen again after the grace: the whole family is dead now (RFC 9700 §4.14.2).
    case reused
    case refused(OAuthError)
    case unknown
    case limited(LimitRefusal)
}

/// Who stands behind an access token.
package struct TokenHolder: Sendable, Equatable {
    package let profile: AccountProfile
    /// Whom the person granted it to.
    package let client: ClientID
    /// The browser session that the token was granted in; `nil` when an app ran the login itself.
    package let session: SessionID?

    package init(profile: AccountProfile, client: ClientID, session: SessionID?) {
        self.profile = profile
        self.client = client
        self.session = session
    }
}

/// How a token that is looked up, and not read, looks to introspection.
package struct RefreshTokenState: Sendable {
    package let grant: Grant
    package let expiresAt: Timestamp
    /// An access token of the Kii or Monaca interface, and no refresh token.
    package let isAccessToken: Bool

    package init(grant: Grant, expiresAt: Timestamp, isAccessToken: Bool = false) {
        self.grant = grant
        self.expiresAt = expiresAt
        self.isAccessToken = isAccessToken
    }
}

/// The acts on codes, refresh tokens and grants; each is one transaction.
package protocol TokenStore: Sendable {
    /// Spends a code. For one code at most one call in the life of the database, over any number of
    /// processes, is `.redeemed`. The code is spent before it is judged: losing a login to a wrong verifier is
    /// cheaper than letting a stolen code be tried twice.
    func redeem(
        _ presentation: CodePresentation, charging charges: [LimitCharge], from origin: RequestOrigin,
        at now: Timestamp
    ) async throws -> CodeRedemption

    /// Spends a refresh token and stores its successor.
    func rotate(
        _ presentation: RefreshPresentation, charging charges: [LimitCharge], from origin: RequestOrigin,
        at now: Timestamp
    ) async throws -> RefreshRotation

    /// Counts a request that changes nothing else; `nil` when it is within all limits.
    func charge(
        _ charges: [LimitCharge], for client: ClientID, from origin: RequestOrigin, at now: Timestamp
    ) async throws -> LimitRefusal?

    /// True while neither the token itself nor its grant is revoked and the account is enabled.
    func isActive(tokenID: String, grant: GrantID?) async throws -> Bool

    /// The person behind an access token, while the token is active.
    func holder(tokenID: String, grant: GrantID) async throws -> TokenHolder?

    func refreshToken(_ digest: SHA256Digest, at now: Timestamp) async throws -> RefreshTokenState?

    /// Ends the grant that a refresh token of this client hangs from (RFC 7009 §2.1); unknown tokens change nothing.
    func revokeRefreshToken(
        _ digest: SHA256Digest, of client: ClientID, from origin: RequestOrigin, at now: Timestamp
    ) async throws

    /// Ends one access token; kept until it would have expired anyway.
    func revokeAccessToken(
        id: String, expiresAt: Timestamp, of client: ClientID, from origin: RequestOrigin, at now: Timestamp
    ) async throws
}
