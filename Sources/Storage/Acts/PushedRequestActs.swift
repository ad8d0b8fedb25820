package import Cryptography
package import OAuth
package import RateLimiting
package import Time

extension SQLStore: PushedRequestStore {
    package func push(
        _ request: PushedRequest, charging charges: [LimitCharge], at now: Timestamp
    ) async throws -> LimitRefusal? {
        try await engine.write { connection in
            if let refusal = try await connection.charge(charges, at: now) { return refusal }
            try await connection.send(
                """
                INSERT INTO pushed_request (digest, client_id, parameters, expires_at)
                VALUES (\(request.digest), \(request.client), \(request.sealedParameters), \(request.expiresAt))
                """)
            return nil
        }
    }

    package func take(_ digest: SHA256Digest, of client: ClientID, at now: Timestamp) async throws -> [UInt8]? {
        try await engine.write { connection in
            try await connection.first(
                """
                DELETE FROM pushed_request
                WHERE digest = \(digest) AND client_id = \(client) AND expires_at > \(now)
                RETURNING parameters
                """
            )?.blob(0)
        }
    }
}
