package import Accounts
package import JOSE
package import Time

/// The UserInfo endpoint (OpenID Connect Core §5.3) without its HTTP, and the account behind a bearer token.
package struct UserInfoEndpoint: Sendable {
    private let acceptance: AccessTokenAcceptance
    private let registry: ClientRegistry
    private let store: any TokenStore
    private let subjects: SubjectIdentifiers

    package init(
        acceptance: AccessTokenAcceptance, registry: ClientRegistry, store: any TokenStore,
        subjects: SubjectIdentifiers
    ) {
        self.acceptance = acceptance
        self.registry = registry
        self.store = store
        self.subjects = subjects
    }

    /// Whom a token speaks for.
    package struct Bearer: Sendable {
        package let token: AccessToken
        package let profile: AccountProfile
        /// The browser session that the token was granted in; `nil` when an app ran the login itself.
        package let session: SessionID?
        /// As the token's client knows the account.
        package let subject: String
        package let client: Client

        /// An app of the operator's, or one that the person typed the number into. Any other app knows of the
        /// person what they agreed to, and speaks for itself alone.
        package var isTrusted: Bool { client.isFirstParty || (session == nil && client.mayRunPhoneLogin) }

        /// The sign-in that the token is of.
        package var anchor: SignInAnchor { .grant(grant) }

        let grant: GrantID

        /// When the account was made. Two pairwise clients could tell by it that they see the same person.
        package var registeredAt: Timestamp? { client.subjectType == .pairwise ? nil : profile.createdAt }

        /// The number, for who may know it.
        package var phoneNumber: String? { isTrusted || token.scope.contains("phone") ? profile.phoneNumber : nil }
    }

    /// RFC 6750 §3.1: a token that is no token, over, revoked, or a client's own is one answer.
    package func bearer(_ token: PresentedToken, at now: Timestamp) async throws(OAuthError) -> Bearer {
        let invalid = OAuthError(.invalidToken, "the access token is invalid, expired or revoked")
        let accessToken = try await acceptance.accept(token, at: now)
        guard let grant = accessToken.grant, let client = try await registry.recall(accessToken.client, at: now) else {
            throw invalid
        }
        // RFC 9068 §4: a token that names a resource, or was traded for one, is for that resource alone, whose server
        // holds it too.
        guard accessToken.actor == nil,
            accessToken.audience.contains(where: { named in
                client.audience.contains { $0.utf8.elementsEqual(named.utf8) }
            })
        else { throw invalid }
        let holder: TokenHolder?
        do { holder = try await store.holder(tokenID: accessToken.id, grant: grant) } catch {
            throw .serverError(error)
        }
        // A token that was exchanged is for somebody else's resource, and no key to the account.
        guard let holder, holder.client == client.id else { throw invalid }
        return Bearer(
            token: accessToken, profile: holder.profile, session: holder.session,
            subject: subjects.subject(of: holder.profile.id, for: client), client: client, grant: grant)
    }

    /// The claims that the token's scope asks for (§5.4). What an account does not have is left out (§5.3.2).
    package func claims(_ token: PresentedToken, at now: Timestamp) async throws(OAuthError) -> JSONObject {
        let bearer = try await bearer(token, at: now)
        guard bearer.token.scope.isOpenID else {
            throw OAuthError(.insufficientScope, "the access token was not granted the scope openid")
        }
        var claims: JSONObject = ["sub": .string(bearer.subject)]
        if bearer.token.scope.contains("phone"), let number = bearer.profile.phoneNumber {
            claims["phone_number"] = .string(number)
            claims["phone_number_verified"] = .bool(!bearer.profile.isTest)
        }
        // Many apps take any `email` for its owner's word, so one that nobody proved is left out.
        if bearer.token.scope.contains("email"), let email = bearer.profile.provenEmail {
            claims["email"] = .string(email)
            claims["email_verified"] = true
        }
        if bearer.token.scope.contains("profile") { add(bearer.profile, of: bearer.client, to: &claims) }
        return claims
    }

    /// OpenID Connect Core §5.1. A pairwise client gets nothing by which two such clients could match a person.
    private func add(_ profile: AccountProfile, of client: Client, to claims: inout JSONObject) {
        if let name = profile.displayName { claims["name"] = .string(name) }
        if let locale = profile.locale { claims["locale"] = .string(locale) }
        guard client.subjectType != .pairwise else { return }
        if let loginName = profile.loginName { claims["preferred_username"] = .string(loginName) }
        claims["updated_at"] = .integer(profile.updatedAt.seconds)
    }
}
