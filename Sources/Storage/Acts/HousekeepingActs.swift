package import Time

extension SQLStore {
    /// What is kept, and for how long after its end.
    package struct Retention: Sendable {
        /// A spent code is remembered this long, so that a replay is seen as one.
        package var codeSeconds = 86_400
        package var messageSeconds = 86_400
        /// Whoever asks what became of a text, or a device, is told for this long that its code died.
        package var operationSeconds = 600
        package var eventSeconds = 90 * 86_400
        /// Whoever listens for revocations and was away for longer starts over.
        package var revocationSeconds = 86_400
        /// A client that registered itself has so long to let its first person in.
        package var unusedRegistrationSeconds = 7 * 86_400

        package init() {}
    }

    /// Whether it is this node's turn to go round: one does at a time. It keeps the turn for as long as it asks again
    /// before `end`; when it died, another one takes over then.
    package func takeHousekeepingTurn(
        as node: String, until end: Timestamp, at now: Timestamp
    ) async throws -> Bool {
        try await engine.write { connection in
            try await connection.run(
                """
                INSERT INTO lease (name, holder, leased_until) VALUES ('housekeeping', \(node), \(end))
                ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, leased_until = excluded.leased_until
                WHERE lease.holder = excluded.holder OR lease.leased_until <= \(now)
                """) == 1
        }
    }

    /// Removes at most `batch` rows of each kind that ended, and tells how many went. Small batches: a writer
    /// waits for one of them at most. Rows that somebody is at are left for the next round: whoever renews one keeps it,
    /// and nothing here waits while others wait for what is going.
    ///
    /// - Parameter rest: left to others after each batch that was full.
    package func removeExpired(
        _ retention: Retention, batch: Int, rest: Duration = .zero, at now: Timestamp
    ) async throws -> Int {
        var removed = 0
        var failure: (any Error)?
        for statement in Self.removals(retention, batch: batch, at: now) {
            // One kind that cannot be removed must not keep the others.
            do {
                let count = try await engine.write { connection in try await connection.run(statement) }
                removed += count
                if count >= batch { try await Task.sleep(for: rest) }
            } catch {
                failure = failure ?? error
            }
        }
        removed += try await removeUnusedRegistrations(
            before: now.adding(seconds: -retention.unusedRegistrationSeconds), batch: batch)
        if let failure { throw failure }
        return removed
    }

    private static func removals(_ retention: Retention, batch: Int, at now: Timestamp) -> [SQLStatement] {
        let operations = now.adding(seconds: -retention.operationSeconds)
        let codes = now.adding(seconds: -retention.codeSeconds)
        let messages = now.adding(seconds: -retention.messageSeconds)
        let events = now.adding(seconds: -retention.eventSeconds)
        let revocations = now.adding(seconds: -retention.revocationSeconds)
        return [
            """
            WITH gone AS (
                SELECT id FROM phone_operation WHERE expires_at <= \(operations) LIMIT \(batch) \(.skippingLocked))
            DELETE FROM phone_operation WHERE id IN (SELECT id FROM gone)
            """,
            """
            WITH gone AS (
                SELECT id FROM phone_challenge WHERE expires_at <= \(now) LIMIT \(batch) \(.skippingLocked))
            DELETE FROM phone_challenge WHERE id IN (SELECT id FROM gone)
            """,
            // Nobody can redeem these any more; only a spent code is remembered, to know it when it comes again. The
            // grants go first, while the codes still name them.
            """
            WITH gone AS (
                SELECT id FROM token_grant WHERE id IN (
                    SELECT grant_id FROM authorization_code
                    WHERE redeemed_at IS NULL AND expires_at <= \(now)
                    ORDER BY expires_at LIMIT \(batch)) \(.skippingLocked))
            DELETE FROM token_grant WHERE id IN (SELECT id FROM gone)
            """,
            """
            WITH gone AS (
                SELECT digest FROM authorization_code
                WHERE redeemed_at IS NULL AND expires_at <= \(now)
                ORDER BY expires_at LIMIT \(batch) \(.skippingLocked))
            DELETE FROM authorization_code WHERE digest IN (SELECT digest FROM gone)
            """,
            """
            WITH gone AS (
                SELECT digest FROM authorization_code WHERE expires_at <= \(codes) LIMIT \(batch) \(.skippingLocked))
            DELETE FROM authorization_code WHERE digest IN (SELECT digest FROM gone)
            """,
            """
            WITH gone AS (
                SELECT digest FROM device_authorization WHERE expires_at <= \(operations)
                LIMIT \(batch) \(.skippingLocked))
            DELETE FROM device_authorization WHERE digest IN (SELECT digest FROM gone)
            """,
            """
            WITH gone AS (
                SELECT digest FROM refresh_token WHERE expires_at <= \(now) LIMIT \(batch) \(.skippingLocked))
            DELETE FROM refresh_token WHERE digest IN (SELECT digest FROM gone)
            """,
            // Tokens that never expire end with their grant.
            """
            WITH gone AS (
                SELECT digest FROM opaque_token WHERE grant_id IN (
                    SELECT id FROM token_grant WHERE expires_at <= \(codes)
                    ORDER BY expires_at LIMIT \(batch)) \(.skippingLocked))
            DELETE FROM opaque_token WHERE digest IN (SELECT digest FROM gone)
            """,
            """
            WITH gone AS (
                SELECT id FROM token_grant WHERE expires_at <= \(codes)
                ORDER BY expires_at LIMIT \(batch) \(.skippingLocked))
            DELETE FROM token_grant WHERE id IN (SELECT id FROM gone)
            """,
            """
            WITH gone AS (
                SELECT digest FROM opaque_token WHERE expires_at <= \(now) LIMIT \(batch) \(.skippingLocked))
            DELETE FROM opaque_token WHERE digest IN (SELECT digest FROM gone)
            """,
            """
            WITH gone AS (
                SELECT digest FROM password_reset WHERE expires_at <= \(now) LIMIT \(batch) \(.skippingLocked))
            DELETE FROM password_reset WHERE digest IN (SELECT digest FROM gone)
            """,
            """
            WITH gone AS (
                SELECT digest FROM known_origin WHERE expires_at <= \(now) LIMIT \(batch) \(.skippingLocked))
            DELETE FROM known_origin WHERE digest IN (SELECT digest FROM gone)
            """,
            """
            WITH gone AS (
                SELECT undo_digest FROM number_change WHERE expires_at <= \(now) LIMIT \(batch) \(.skippingLocked))
            DELETE FROM number_change WHERE undo_digest IN (SELECT undo_digest FROM gone)
            """,
            """
            WITH gone AS (
                SELECT account_id, purpose, client_id, place FROM email_challenge
                WHERE expires_at <= \(now) LIMIT \(batch) \(.skippingLocked))
            DELETE FROM email_challenge WHERE (account_id, purpose, client_id, place) IN
                (SELECT account_id, purpose, client_id, place FROM gone)
            """,
            """
            WITH gone AS (
                SELECT digest FROM pushed_request WHERE expires_at <= \(now) LIMIT \(batch) \(.skippingLocked))
            DELETE FROM pushed_request WHERE digest IN (SELECT digest FROM gone)
            """,
            """
            WITH gone AS (
                SELECT digest FROM spent_identifier WHERE expires_at <= \(now) LIMIT \(batch) \(.skippingLocked))
            DELETE FROM spent_identifier WHERE digest IN (SELECT digest FROM gone)
            """,
            """
            WITH gone AS (
                SELECT id FROM revoked_token WHERE expires_at <= \(now) LIMIT \(batch) \(.skippingLocked))
            DELETE FROM revoked_token WHERE id IN (SELECT id FROM gone)
            """,
            """
            WITH gone AS (
                SELECT digest FROM session WHERE idle_until <= \(now) LIMIT \(batch) \(.skippingLocked))
            DELETE FROM session WHERE digest IN (SELECT digest FROM gone)
            """,
            """
            WITH gone AS (
                SELECT session_id, client_id FROM session_client
                WHERE expires_at <= \(now) LIMIT \(batch) \(.skippingLocked))
            DELETE FROM session_client WHERE (session_id, client_id) IN (SELECT session_id, client_id FROM gone)
            """,
            // From the front, so that what is kept has no gap, whatever clocks did; and never the newest, which tells
            // how far the list got.
            """
            WITH gone AS (
                SELECT position FROM revocation
                WHERE position <= (
                    SELECT position FROM revocation WHERE at <= \(revocations) ORDER BY at DESC, position DESC LIMIT 1)
                    AND position < (SELECT MAX(position) FROM revocation)
                ORDER BY position LIMIT \(batch) \(.skippingLocked))
            DELETE FROM revocation WHERE position IN (SELECT position FROM gone)
            """,
            // An arrival time in the past counts like none.
            """
            WITH gone AS (
                SELECT subject FROM rate_limit WHERE arrival <= \(now.milliseconds * 1000)
                LIMIT \(batch) \(.skippingLocked))
            DELETE FROM rate_limit WHERE subject IN (SELECT subject FROM gone)
            """,
            """
            WITH gone AS (
                SELECT id FROM message WHERE expires_at <= \(messages) LIMIT \(batch) \(.skippingLocked))
            DELETE FROM message WHERE id IN (SELECT id FROM gone)
            """,
            """
            WITH gone AS (
                SELECT subject FROM traffic WHERE expires_at <= \(now) LIMIT \(batch) \(.skippingLocked))
            DELETE FROM traffic WHERE subject IN (SELECT subject FROM gone)
            """,
            """
            WITH gone AS (
                SELECT subject, period FROM spending WHERE expires_at <= \(now) LIMIT \(batch) \(.skippingLocked))
            DELETE FROM spending WHERE (subject, period) IN (SELECT subject, period FROM gone)
            """,
            """
            WITH gone AS (
                SELECT position FROM security_event WHERE at <= \(events) LIMIT \(batch) \(.skippingLocked))
            DELETE FROM security_event WHERE position IN (SELECT position FROM gone)
            """,
        ]
    }
}
