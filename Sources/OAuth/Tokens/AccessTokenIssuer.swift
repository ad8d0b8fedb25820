import Accounts
package import Cryptography
import JOSE
package import Time

/// Mints access tokens: JWTs of type `at+jwt` (RFC 9068), signed with the active key of the client's algorithm.
package struct AccessTokenIssuer: Sendable {
    package static let type = "at+jwt"
    /// The claim that ties a token to its grant, so that ending the grant ends the token.
    package static let grantClaim = "gid"

    private let issuer: Issuer
    private let keys: KeySet
    private let subjects: SubjectIdentifiers
    private let settings: TokenSettings
    private let playFab: (any PlayFabLogin)?
    private let entropy: Entropy

    package init(
        issuer: Issuer, keys: KeySet, subjects: SubjectIdentifiers, settings: TokenSettings,
        playFab: (any PlayFabLogin)? = nil, entropy: Entropy
    ) {
        self.issuer = issuer
        self.keys = keys
        self.subjects = subjects
        self.settings = settings
        self.playFab = playFab
        self.entropy = entropy
    }

    package struct Issued: Sendable {
        package let token: String
        package let type: TokenType
        package let lifetimeSeconds: Int
    }

    /// When a token issued now to this client ends.
    package func expiry(for client: Client, at now: Timestamp) -> Timestamp {
        now.adding(seconds: lifetimeSeconds(for: client))
    }

    private func lifetimeSeconds(for client: Client) -> Int {
        client.accessTokenLifetimeSeconds ?? settings.accessLifetimeSeconds
    }

    /// A token for a user's grant; `scope` may be narrower than the grant's.
    ///
    /// - Parameter resource: whom it is for; `nil`: the client's usual audience.
    package func issue(
        for grant: Grant, scope: Scope, resource: ResourceIdentifier? = nil, confirmation: KeyConfirmation? = nil,
        to client: Client, at now: Timestamp
    ) async throws(OAuthError) -> Issued {
        let subject = subjects.subject(of: grant.account, for: client)
        let ticket = scope.wantsPlayFab ? await playFab?.sessionTicket(for: subject) : nil
        return try sign(
            subject: subject, scope: scope, audience: resource.map { [$0.uri] } ?? client.audience,
            confirmation: confirmation, client: client, at: now,
            extra: { claims in
                claims["auth_time"] = .integer(grant.authenticatedAt.seconds)
                claims["acr"] = .string(AuthenticationContext.oneFactor.rawValue)
                claims["amr"] = .array(grant.methods.map { .string($0.rawValue) })
                claims[Self.grantClaim] = .string(grant.id.rawValue)
                if client.tokenProfile == .xsolla {
                    XsollaTokenProfile.add(to: &claims, scope: scope, client: client)
                }
                if let ticket { claims["session_ticket"] = .string(ticket) }
            })
    }

    /// A token for the client itself (RFC 6749 §4.4); its subject is the client (RFC 9068 §2.2).
    package func issue(
        scope: Scope, resource: ResourceIdentifier? = nil, confirmation: KeyConfirmation? = nil, to client: Client,
        at now: Timestamp
    ) throws(OAuthError) -> Issued {
        try sign(
            subject: client.id.rawValue, scope: scope, audience: resource.map { [$0.uri] } ?? client.audience,
            confirmation: confirmation, client: client, at: now, extra: { _ in })
    }

    /// A token made of another one (RFC 8693 §2.2.1): it is about the same person, and ends no later.
    func exchange(
        _ subject: AccessToken, audience: [String], scope: Scope, actor: JSONValue?, confirmation: KeyConfirmation?,
        to client: Client, at now: Timestamp
    ) throws(OAuthError) -> Issued {
        try sign(
            subject: subject.subject, scope: scope, audience: audience, confirmation: confirmation, client: client,
            latestExpiry: subject.expiresAt, at: now,
            extra: { claims in
                claims["auth_time"] = subject.authenticatedAt.map { .integer($0.seconds) }
                claims["acr"] = subject.authenticationContext.map(JSONValue.string)
                claims["amr"] = .array(subject.authenticationMethods.map(JSONValue.string))
                claims[Self.grantClaim] = subject.grant.map { .string($0.rawValue) }
                claims["act"] = actor
            })
    }

    private func sign(
        subject: String, scope: Scope, audience: [String], confirmation: KeyConfirmation?, client: Client,
        latestExpiry: Timestamp? = nil, at now: Timestamp, extra: (inout JSONObject) -> Void
    ) throws(OAuthError) -> Issued {
        let lifetime = min(
            lifetimeSeconds(for: client), latestExpiry.map { Int($0.seconds - now.seconds) } ?? .max)
        guard let key = keys.current.activeKey(for: client.signingAlgorithm) else {
            throw .serverError(MissingSigningKey(algorithm: client.signingAlgorithm))
        }
        var claims: JSONObject = [
            "iss": .string(issuer.url),
            "sub": .string(subject),
            "aud": audience.count == 1 ? .string(audience[0]) : .array(audience.map(JSONValue.string)),
            "exp": .integer(now.seconds + Int64(lifetime)),
            "iat": .integer(now.seconds),
            "jti": .string(entropy.identifier()),
            "client_id": .string(client.id.rawValue),
        ]
        if let confirmation { claims["cnf"] = confirmation.claim }
        if !scope.isEmpty { claims["scope"] = .string(scope.text) }
        extra(&claims)
        do {
            let token = try JWS.sign(JSONValue.object(claims).serialized(), type: Self.type, with: key)
            return Issued(token: token, type: confirmation.tokenType, lifetimeSeconds: lifetime)
        } catch {
            throw .serverError(error)
        }
    }
}

/// No key can sign for this algorithm. `denwa config check` finds it before a client does.
package struct MissingSigningKey: Error, Sendable {
    package let algorithm: SignatureAlgorithm
}
