import Cryptography
import DeveloperLog
import JOSE
package import RateLimiting
import Time

/// Decides whether an assertion proves its client (RFC 7523 §3), and spends it: each counts once.
package struct ClientAssertionCheck: Sendable {
    /// For clocks that differ.
    private static let leewaySeconds: Int64 = 60
    /// What a client says longer ahead is nothing that this server would want to remember.
    private static let longestLifetimeSeconds = 3600

    private let issuer: Issuer
    private let keys: any ClientKeySource
    private let identifiers: any OneTimeIdentifierStore
    private let limitPerAddress: Limit?

    package init(
        issuer: Issuer, keys: any ClientKeySource, identifiers: any OneTimeIdentifierStore, limitPerAddress: Limit?
    ) {
        self.limitPerAddress = limitPerAddress
        self.issuer = issuer
        self.keys = keys
        self.identifiers = identifiers
    }

    /// Also the path of the endpoint that was called is a good audience.
    func accepts(
        _ assertion: ClientAssertion, of client: Client, in request: ClientRequest
    ) async throws(OAuthError) -> Bool {
        let now = request.now
        guard let claims = await verified(assertion.jwt, of: client, at: now),
            isMeant(claims, by: client, for: request.path), let expiresAt = timely(claims, at: now),
            let identifier = claims.jwtID, (1...256).contains(identifier.utf8.count)
        else { return false }
        // The operator's clients are known; one that described itself is a stranger with a key.
        let charge =
            client.isSelfDescribed
            ? LimitCharge(.proofPerIP, limitPerAddress, subject: request.origin.address ?? "") : nil
        do {
            let spending = try await identifiers.spend(
                OneTimeIdentifier(
                    .clientAssertion, of: client.id.rawValue, identifier,
                    expiresAt: expiresAt.adding(seconds: Int(Self.leewaySeconds) + 1)),
                charging: [charge].compactMap(\.self), at: now)
            return spending == .first
        } catch {
            throw .serverError(error)
        }
    }

    /// The way that the client registered decides which key is looked at, never the token: a public key is no
    /// HMAC secret (RFC 8725 §2.1).
    private func verified(_ jwt: UnverifiedJWS, of client: Client, at now: Timestamp) async -> JWTClaims? {
        if let algorithm = client.assertionAlgorithm, algorithm.rawValue != jwt.algorithm { return nil }
        // A proof or a request object of the same client is signed with the same key, and is no assertion.
        let types: [String?] = [nil, "JWT", "client-authentication+jwt"]
        switch client.authenticationMethod {
        case .privateKeyJWT: return await client.verify(jwt, type: types, with: keys, at: now)
        case .clientSecretJWT:
            guard let key = client.secretKey,
                types.contains(where: { $0.map(jwt.hasType) ?? (jwt.header["typ"] == nil) }),
                let verified = try? jwt.verify(type: nil, with: key)
            else { return nil }
            return try? JWTClaims(parsing: verified.payload)
        case .none, .clientSecretBasic, .clientSecretPost: return nil
        }
    }

    private func isMeant(_ claims: JWTClaims, by client: Client, for path: String) -> Bool {
        let audiences = [issuer.url, issuer.appending("/oauth2/token"), issuer.appending(path)]
        return claims.issuer?.utf8.elementsEqual(client.id.rawValue.utf8) == true
            && claims.subject?.utf8.elementsEqual(client.id.rawValue.utf8) == true
            && claims.audience.contains { named in audiences.contains { $0.utf8.elementsEqual(named.utf8) } }
    }

    private func timely(_ claims: JWTClaims, at now: Timestamp) -> Timestamp? {
        let expectation = JWTClaims.Expectation(leewaySeconds: Self.leewaySeconds)
        guard (try? claims.check(expectation, at: now)) != nil, let expiresAt = claims.expiresAt,
            expiresAt <= now.adding(seconds: Self.longestLifetimeSeconds + Int(Self.leewaySeconds))
        else { return nil }
        return expiresAt
    }
}
