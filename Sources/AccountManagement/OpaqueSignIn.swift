package import Accounts
import Cryptography
import DeveloperLog
package import OAuth
package import Time

/// The tokens of a sign-in that is not OAuth's, before anything of them is stored.
package struct IssuedTokens: Sendable {
    /// What the app sends from now on.
    package let access: String
    package let accessExpiresAt: Timestamp
    /// What gets it the next one; `nil` when there is none.
    package let renewal: String?
    package let signIn: NewSignIn
}

extension AccountFlow {
    /// "Does not expire": the last second of the year 9999.
    package static let never = Timestamp(seconds: 253_402_300_799)

    /// A token of the Kii interface, with a refresh token when it ends one day.
    package func kiiTokens(
        for client: Client, until wanted: Timestamp?, tokens: TokenSettings, at now: Timestamp
    ) -> IssuedTokens {
        let access = entropy.token()
        let expiresAt = kiiExpiry(wanted, at: now)
        let refresh = expiresAt < Self.never ? entropy.token() : nil
        return IssuedTokens(
            access: access, accessExpiresAt: expiresAt, renewal: refresh,
            signIn: NewSignIn(
                grant: GrantID(entropy.identifier(at: now)), client: client.id,
                tokens: [OpaqueToken(access, .kiiAccess, expiresAt: expiresAt)],
                refreshToken: refresh.map {
                    NewRefreshToken(
                        digest: SHA256Digest(of: $0), expiresAt: now.adding(seconds: tokens.refreshLifetimeSeconds))
                }))
    }

    /// The wanted end, or the operator's latest.
    package func kiiExpiry(_ wanted: Timestamp?, at now: Timestamp) -> Timestamp {
        let latest = settings.maximumKiiTokenLifetimeSeconds.map { now.adding(seconds: $0) } ?? Self.never
        return min(wanted ?? latest, latest)
    }

    /// The next access token of a grant of the Kii interface.
    package func kiiAccess(
        to grant: GrantID, until wanted: Timestamp?, at now: Timestamp
    ) async throws(AccountError) -> (token: String, expiresAt: Timestamp)? {
        let access = entropy.token()
        let expiresAt = kiiExpiry(wanted, at: now)
        let token = OpaqueToken(access, .kiiAccess, expiresAt: expiresAt)
        return try await act({ try await store.add(token, to: grant) }) ? (access, expiresAt) : nil
    }

    /// A session of the Monaca interface, and the token that signs in by itself next time.
    package func monacaTokens(
        for client: Client, sessions: SessionSettings, tokens: TokenSettings, at now: Timestamp
    ) -> IssuedTokens {
        let (session, login) = (hexadecimalToken(), hexadecimalToken())
        let isKept = client.monaca?.allowsAutoLogin == true
        let sessionEnd = now.adding(seconds: sessions.lifetimeSeconds)
        var stored = [OpaqueToken(session, .monacaSession, expiresAt: sessionEnd)]
        if isKept {
            stored.append(
                OpaqueToken(login, .monacaLogin, expiresAt: now.adding(seconds: tokens.refreshLifetimeSeconds)))
        }
        return IssuedTokens(
            access: session, accessExpiresAt: sessionEnd, renewal: isKept ? login : nil,
            signIn: NewSignIn(grant: GrantID(entropy.identifier(at: now)), client: client.id, tokens: stored))
    }

    /// 256 bits in letters and digits: what the Monaca client library takes for a session.
    private func hexadecimalToken() -> String { Hex.encode(entropy.bytes(32)) }
}
