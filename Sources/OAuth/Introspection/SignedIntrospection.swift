package import JOSE
package import Time

/// Introspection answers as JWTs (RFC 9701 §5), for resource servers that must be able to show later what they were
/// told.
package struct SignedIntrospection: Sendable {
    package static let mediaType = "application/token-introspection+jwt"
    private static let type = "token-introspection+jwt"

    private let issuer: Issuer
    private let keys: KeySet

    package init(issuer: Issuer, keys: KeySet) {
        self.issuer = issuer
        self.keys = keys
    }

    /// - Parameter response: the members of the plain answer.
    package func sign(_ response: JSONValue, for caller: Client, at now: Timestamp) throws(OAuthError) -> String {
        guard let key = keys.current.activeKey(for: caller.introspectionAlgorithm) else {
            throw .serverError(MissingSigningKey(algorithm: caller.introspectionAlgorithm))
        }
        let claims: JSONObject = [
            "iss": .string(issuer.url), "aud": .string(caller.id.rawValue), "iat": .integer(now.seconds),
            "token_introspection": response,
        ]
        do {
            return try JWS.sign(JSONValue.object(claims).serialized(), type: Self.type, with: key)
        } catch {
            throw .serverError(error)
        }
    }
}
