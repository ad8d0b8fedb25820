package import Cryptography
import JOSE
package import Time

/// Mints logout tokens (OpenID Connect Back-Channel Logout §2.4), signed like the client's ID tokens.
package struct LogoutTokenIssuer: Sendable {
    /// Keeps them apart from ID tokens, which a client may check by nearly the same rules (RFC 8725 §3.11).
    static let type = "logout+jwt"
    static let event = "http://schemas.openid.net/event/backchannel-logout"
    /// Each attempt to deliver has a token of its own, so it lives no longer than one.
    private static let lifetimeSeconds: Int64 = 120

    private let issuer: Issuer
    private let keys: KeySet
    private let subjects: SubjectIdentifiers
    private let entropy: Entropy

    package init(issuer: Issuer, keys: KeySet, subjects: SubjectIdentifiers, entropy: Entropy) {
        self.issuer = issuer
        self.keys = keys
        self.subjects = subjects
        self.entropy = entropy
    }

    /// Says who and which session, both as the client's ID tokens named them. There is never a `nonce` (§2.4).
    package func issue(
        for notice: LogoutNotice, to client: Client, at now: Timestamp
    ) throws(OAuthError) -> String {
        guard let key = keys.current.activeKey(for: client.idTokenAlgorithm) else {
            throw .serverError(MissingSigningKey(algorithm: client.idTokenAlgorithm))
        }
        let claims: JSONObject = [
            "iss": .string(issuer.url),
            "sub": .string(subjects.subject(of: notice.account, for: client)),
            "aud": .string(client.id.rawValue),
            "iat": .integer(now.seconds),
            "exp": .integer(now.seconds + Self.lifetimeSeconds),
            "jti": .string(entropy.identifier()),
            "sid": .string(subjects.session(notice.session, for: client)),
            "events": [Self.event: [:]],
        ]
        do {
            return try JWS.sign(JSONValue.object(claims).serialized(), type: Self.type, with: key)
        } catch {
            throw .serverError(error)
        }
    }
}
