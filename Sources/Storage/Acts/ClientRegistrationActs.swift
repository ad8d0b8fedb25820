package import Cryptography
package import DeveloperLog
import JOSE
package import OAuth
package import RateLimiting
package import Time

extension SQLStore: ClientRegistrationStore {
    package func register(
        _ client: RegisteredClient, maximum: Int, charging charges: [LimitCharge], from origin: RequestOrigin,
        at now: Timestamp
    ) async throws -> ClientRegistrationOutcome {
        try await engine.write { connection in
            if let refusal = try await connection.charge(charges, at: now) {
                try await connection.record(
                    SecurityEvent(
                        .clientRegistrationRefused, at: now, origin: origin, rule: refusal.name.rawValue,
                        reason: "limit reached", retryAfterSeconds: refusal.retryAfterSeconds))
                return .limited(refusal)
            }
            guard try await connection.takePlace(of: maximum) else {
                for charge in charges { try await connection.refund(charge) }
                try await connection.record(
                    SecurityEvent(
                        .clientRegistrationRefused, at: now, origin: origin, rule: "maxClients",
                        reason: "as many clients are registered as may be"))
                return .full
            }
            try await connection.insert(client)
            try await connection.record(.about(client.id, .clientRegistered, "registered itself", origin, now))
            return .registered
        }
    }

    package func registeredClient(_ id: ClientID) async throws -> RegisteredClient? {
        try await engine.read { connection in try await connection.registeredClient(id) }
    }

    package func replace(
        _ id: ClientID, presenting access: SHA256Digest, from origin: RequestOrigin, at now: Timestamp,
        with change: @escaping @Sendable (RegisteredClient) throws -> RegisteredClient
    ) async throws -> RegisteredClient? {
        try await engine.write { connection in
            // The row is taken first, so that of two changes at once the second sees the first.
            guard try await connection.claim(id, presenting: access),
                let client = try await connection.registeredClient(id)
            else { return nil }
            let changed = try change(client)
            try await connection.send(
                """
                UPDATE registered_client
                SET metadata = \(JSONValue.object(changed.metadata).serializedText), secret = \(changed.secretDigest)
                WHERE id = \(id)
                """)
            try await connection.record(.about(id, .clientChanged, "changed its registration", origin, now))
            return changed
        }
    }

    package func delete(
        _ id: ClientID, presenting access: SHA256Digest?, from origin: RequestOrigin, at now: Timestamp
    ) async throws -> Bool {
        try await engine.write { connection in
            if let access, try await !connection.claim(id, presenting: access) { return false }
            guard try await connection.run("DELETE FROM registered_client WHERE id = \(id)") == 1 else { return false }
            try await connection.revoke(.registeredClient(id), at: now)
            // Every registration waits for this row, so it comes late.
            try await connection.send("UPDATE registered_client_count SET clients = clients - 1 WHERE id = 1")
            try await connection.record(
                .about(
                    id, .clientDeleted, access == nil ? "removed by the operator" : "removed itself", origin, now))
            return true
        }
    }

    /// Removes registrations that nobody ever used: places are few, and strangers take them.
    func removeUnusedRegistrations(before time: Timestamp, batch: Int) async throws -> Int {
        try await engine.write { connection in
            let removed = try await connection.run(
                """
                WITH gone AS (
                    SELECT r.id FROM registered_client r
                    WHERE r.created_at <= \(time)
                        AND NOT EXISTS
                            (SELECT 1 FROM consent c
                            WHERE substr(c.client_id, 1, 4) = 'reg-' AND c.client_id = r.id)
                        AND NOT EXISTS
                            (SELECT 1 FROM token_grant g
                            WHERE substr(g.client_id, 1, 4) = 'reg-' AND g.client_id = r.id)
                    LIMIT \(batch) \(.skippingLocked))
                DELETE FROM registered_client WHERE id IN (SELECT id FROM gone)
                """)
            if removed > 0 {
                try await connection.send(
                    "UPDATE registered_client_count SET clients = clients - \(removed) WHERE id = 1")
            }
            return removed
        }
    }

    /// All of them, the oldest first.
    package func registeredClients() async throws -> [RegisteredClient] {
        try await engine.read { connection in
            try await connection.rows(
                "SELECT id, created_at, metadata, secret, access FROM registered_client ORDER BY created_at, id"
            ).map(RegisteredClient.init(row:))
        }
    }
}

extension SQLConnection {
    /// One guarded statement: of those that race for the last place one gets it.
    fileprivate func takePlace(of maximum: Int) async throws -> Bool {
        try await run(
            "UPDATE registered_client_count SET clients = clients + 1 WHERE id = 1 AND clients < \(maximum)") == 1
    }

    fileprivate func insert(_ client: RegisteredClient) async throws {
        try await send(
            """
            INSERT INTO registered_client (id, metadata, secret, access, created_at)
            VALUES (\(client.id), \(JSONValue.object(client.metadata).serializedText), \(client.secretDigest),
                \(client.accessDigest), \(client.issuedAt))
            """)
    }

    /// True when the token is the client's. Digests of random tokens tell nothing by the time it takes to compare them.
    fileprivate func claim(_ id: ClientID, presenting access: SHA256Digest) async throws -> Bool {
        try await run("UPDATE registered_client SET access = access WHERE id = \(id) AND access = \(access)") == 1
    }

    fileprivate func registeredClient(_ id: ClientID) async throws -> RegisteredClient? {
        try await first(
            "SELECT id, created_at, metadata, secret, access FROM registered_client WHERE id = \(id)"
        ).map(RegisteredClient.init(row:))
    }
}

extension RegisteredClient {
    fileprivate init(row: SQLRow) throws {
        guard let metadata = try JSONValue(parsing: Array(row.text(2).utf8)).object,
            let access = SHA256Digest(bytes: try row.blob(4))
        else { throw UnexpectedColumn(column: 2) }
        self.init(
            id: ClientID(try row.text(0)), issuedAt: try row.time(1), metadata: metadata,
            secretDigest: try row.optionalBlob(3).flatMap { SHA256Digest(bytes: $0) }, accessDigest: access)
    }
}

extension SecurityEvent {
    fileprivate static func about(
        _ client: ClientID, _ kind: Kind, _ reason: StaticString, _ origin: RequestOrigin, _ now: Timestamp
    ) -> SecurityEvent {
        SecurityEvent(kind, at: now, origin: origin, clientID: client.rawValue, reason: reason)
    }
}
