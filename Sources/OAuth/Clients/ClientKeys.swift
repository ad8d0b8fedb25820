import Cryptography
package import JOSE
package import Time

/// Where a client's public keys are (RFC 7591 §2, `jwks` and `jwks_uri`).
package enum ClientKeys: Sendable {
    case inline([JSONWebKey])
    /// An https URL of the client's.
    case uri(String)
}

/// Finds the public keys of clients, for whatever a client signs.
package protocol ClientKeySource: Sendable {
    /// Every key of the client that could be had; none when it has none, or they cannot be reached.
    ///
    /// - Parameter kid: the key that is looked for: keys that were fetched a while ago may be fetched again for it.
    func keys(of client: Client, kid: String?, at now: Timestamp) async -> [JSONWebKey]
}

extension Client {
    /// Checks a JWT that the client signed, with the one registered key that it can be of.
    ///
    /// Without a `kid` there must be exactly one key of the algorithm; `alg` never chooses more than that
    /// (RFC 8725 §3.1).
    func verify(
        _ jwt: UnverifiedJWS, type: [String?], with source: any ClientKeySource, at now: Timestamp
    ) async -> JWTClaims? {
        let fits = type.contains { expected in expected.map(jwt.hasType) ?? (jwt.header["typ"] == nil) }
        guard fits else { return nil }
        let candidates = await source.keys(of: self, kid: jwt.kid, at: now).filter { key in
            guard key.algorithm.rawValue == jwt.algorithm else { return false }
            guard let kid = jwt.kid else { return true }
            return key.kid.map { $0.utf8.elementsEqual(kid.utf8) } ?? false
        }
        guard candidates.count == 1, let key = candidates.first,
            let verified = try? jwt.verify(type: nil, with: key.jwsKey)
        else { return nil }
        return try? JWTClaims(parsing: verified.payload)
    }
}
