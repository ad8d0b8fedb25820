import Accounts
import Cryptography
import JOSE
package import Time

/// Mints ID tokens (OpenID Connect Core §2), signed with the active key of the algorithm that the client chose.
package struct IDTokenIssuer: Sendable {
    static let type = "JWT"
    private static let lifetimeSeconds: Int64 = 3600

    private let issuer: Issuer
    private let keys: KeySet
    private let subjects: SubjectIdentifiers

    package init(issuer: Issuer, keys: KeySet, subjects: SubjectIdentifiers) {
        self.issuer = issuer
        self.keys = keys
        self.subjects = subjects
    }

    func issue(
        for grant: Grant, nonce: String?, accessToken: String, to client: Client, at now: Timestamp
    ) throws(OAuthError) -> String {
        guard let key = keys.current.activeKey(for: client.idTokenAlgorithm) else {
            throw .serverError(MissingSigningKey(algorithm: client.idTokenAlgorithm))
        }
        var claims: JSONObject = [
            "iss": .string(issuer.url),
            "sub": .string(subjects.subject(of: grant.account, for: client)),
            "aud": .string(client.id.rawValue),
            "exp": .integer(now.seconds + Self.lifetimeSeconds),
            "iat": .integer(now.seconds),
            "auth_time": .integer(grant.authenticatedAt.seconds),
            "acr": .string(AuthenticationContext.oneFactor.rawValue),
            "amr": .array(grant.methods.map { .string($0.rawValue) }),
            "at_hash": .string(Self.hash(of: accessToken, for: client.idTokenAlgorithm)),
        ]
        if let nonce { claims["nonce"] = .string(nonce) }
        if let session = grant.session { claims["sid"] = .string(subjects.session(session, for: client)) }
        do {
            return try JWS.sign(JSONValue.object(claims).serialized(), type: Self.type, with: key)
        } catch {
            throw .serverError(error)
        }
    }

    /// `at_hash` (§3.1.3.6): the left half of the token's digest, by the hash of the signature's algorithm. Of
    /// Ed25519 that is SHA-512.
    static func hash(of accessToken: String, for algorithm: SignatureAlgorithm) -> String {
        let bytes = Array(accessToken.utf8)
        let digest = algorithm == .edDSA ? Digest.sha512(bytes) : Digest.sha256(bytes)
        return Base64URL.encode(Array(digest.prefix(digest.count / 2)))
    }
}

/// Reads ID tokens that come back as a hint. An expired one still says whom it was about (OpenID Connect
/// RP-Initiated Logout §2); one that this server did not sign says nothing.
package struct IDTokenHints: Sendable {
    package struct Hint: Sendable, Equatable {
        package let client: ClientID
        package let subject: String
        /// As the client knows it.
        package let session: String?
    }

    private let issuer: Issuer
    private let keys: KeySet

    package init(issuer: Issuer, keys: KeySet) {
        self.issuer = issuer
        self.keys = keys
    }

    package func read(_ token: String, at now: Timestamp) -> Hint? {
        let snapshot = keys.current
        guard
            let verified = try? JWS.verify(
                token, type: IDTokenIssuer.type,
                keys: { kid in
                    // An ID token is never signed with a shared secret here, and whoever has one could.
                    kid.flatMap { snapshot.key(id: $0) }.flatMap { $0.algorithm.isSymmetric ? nil : $0 }
                }),
            let claims = try? JWTClaims(parsing: verified.payload),
            claims.issuer?.utf8.elementsEqual(issuer.url.utf8) == true,
            let subject = claims.subject, claims.audience.count == 1, let client = claims.audience.first
        else { return nil }
        return Hint(
            client: ClientID(client), subject: subject,
            session: claims.members["sid"]?.string)
    }
}
