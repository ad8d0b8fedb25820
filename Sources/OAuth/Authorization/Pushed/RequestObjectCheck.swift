import Cryptography
import JOSE
import Time

/// Reads authorization requests that their clients signed (RFC 9101).
package struct RequestObjectCheck: Sendable {
    private static let leewaySeconds: Int64 = 60
    private static let longestLifetimeSeconds = 3600
    /// RFC 9101 §10.8 wants `oauth-authz-req+jwt`, so that no other JWT of the client passes for a request; OpenID
    /// Connect Core §6.1 set no type, and its clients do not. What tells those apart is that nothing else of a client's
    /// names a `client_id` and no `sub`.
    private static let types: [String?] = ["oauth-authz-req+jwt", "JWT", nil]
    /// About the object itself, and no parameters.
    private static let ownClaims: Set<String> = ["iss", "aud", "exp", "nbf", "iat", "jti"]

    private let issuer: Issuer
    private let keys: any ClientKeySource

    package init(issuer: Issuer, keys: any ClientKeySource) {
        self.issuer = issuer
        self.keys = keys
    }

    struct RequestObject {
        let form: FormParameters
        let once: OneTimeIdentifier
    }

    func read(_ text: String, of client: Client, at now: Timestamp) async throws(OAuthError) -> RequestObject {
        let invalid = OAuthError(
            .invalidRequestObject, "the request object is malformed, unsigned, or not this client's")
        guard let jwt = try? UnverifiedJWS(text),
            client.requestObjectAlgorithm.map({ $0.rawValue == jwt.algorithm }) ?? true,
            let claims = await client.verify(jwt, type: Self.types, with: keys, at: now)
        else { throw invalid }
        let expectation = JWTClaims.Expectation(
            issuer: client.id.rawValue, audience: issuer.url, leewaySeconds: Self.leewaySeconds)
        guard (try? claims.check(expectation, at: now)) != nil, let expiresAt = claims.expiresAt,
            expiresAt <= now.adding(seconds: Self.longestLifetimeSeconds + Int(Self.leewaySeconds))
        else { throw OAuthError(.invalidRequestObject, "the request object's iss, aud or exp does not fit") }
        guard claims["client_id"]?.string?.utf8.elementsEqual(client.id.rawValue.utf8) == true,
            claims["sub"] == nil, claims["request"] == nil, claims["request_uri"] == nil
        else {
            throw OAuthError(
                .invalidRequestObject,
                "the request object's client_id is missing or another's, or sub, request or request_uri is in it")
        }
        return RequestObject(
            form: try Self.form(claims),
            // Whoever has the object may begin again until it expires, and then has an hour.
            once: OneTimeIdentifier(
                .authorizationRequest, of: client.id.rawValue, claims.jwtID ?? Self.name(of: jwt),
                expiresAt: expiresAt.adding(
                    seconds: AuthorizationRequestSeal.lifetimeSeconds + Int(Self.leewaySeconds) + 1)))
    }

    /// By what was signed: an ECDSA signature has a second form, which anybody can compute.
    private static func name(of jwt: UnverifiedJWS) -> String { SHA256Digest(of: jwt.signingInput).base64URL }

    /// RFC 9101 §4: parameters are claims; a number stands for its digits, and only what may be repeated is a list.
    private static func form(_ claims: JWTClaims) throws(OAuthError) -> FormParameters {
        var pairs: [(name: String, value: String)] = []
        for member in claims.members.members where !ownClaims.contains(member.name) {
            if let text = member.value.string {
                pairs.append((member.name, text))
            } else if let number = member.value.integer {
                pairs.append((member.name, String(number)))
            } else if member.name == "resource", let many = member.value.array?.compactMap(\.string),
                many.count == member.value.array?.count
            {
                pairs += many.map { (member.name, $0) }
            } else if AuthorizationRequest.carriedNames.contains(member.name) {
                throw OAuthError(.invalidRequestObject, "a parameter in the request object has the wrong type")
            }
        }
        return FormParameters(pairs: pairs)
    }
}
