import DeveloperLog
package import Messaging
package import Time

extension SQLConnection {
    func enqueue(_ message: QueuedMessage) async throws {
        try await run(
            """
            INSERT INTO message
                (id, recipient, body, template, locale, client_id, created_at, expires_at, due_at, attempts, state)
            VALUES (\(message.id), \(message.recipient), \(message.sealedBody), \(message.template.rawValue),
                \(message.locale), \(message.clientID), \(message.createdAt), \(message.expiresAt),
                \(message.createdAt), 0, 'queued')
            """)
    }
}

extension SQLStore: OutboxStore {
    package func claimMessages(
        atMost count: Int, leaseUntil leaseEnd: Timestamp, at now: Timestamp
    ) async throws -> [QueuedMessage] {
        try await engine.write { connection in
            let expired = try await connection.rows(
                """
                UPDATE message SET state = 'expired', body = NULL, due_at = NULL
                WHERE due_at <= \(now) AND expires_at <= \(now)
                RETURNING id, client_id
                """)
            for row in expired {
                try await connection.record(
                    .messageFailed(id: try row.text(0), client: try row.text(1), "expired before it left", at: now))
            }
            return try await connection.rows(
                """
                UPDATE message SET due_at = \(leaseEnd), attempts = attempts + 1
                WHERE id IN (SELECT id FROM message WHERE due_at <= \(now) ORDER BY due_at LIMIT \(count))
                RETURNING id, recipient, body, template, locale, client_id, created_at, expires_at, attempts
                """
            ).compactMap(QueuedMessage.init(row:)).sorted { $0.createdAt < $1.createdAt }
        }
    }

    package func record(_ outcomes: [DeliveryOutcome], at now: Timestamp) async throws {
        try await engine.write { connection in
            for outcome in outcomes { try await connection.record(outcome, at: now) }
        }
    }
}

extension SQLConnection {
    fileprivate func record(_ outcome: DeliveryOutcome, at now: Timestamp) async throws {
        let message = outcome.message
        // Every claim counts up `attempts`: the number fences off whoever claimed before.
        let claim = message.attempts + 1
        switch outcome.result {
        case .retry(let at):
            try await run(
                """
                UPDATE message SET due_at = \(at)
                WHERE id = \(message.id) AND state = 'queued' AND attempts = \(claim)
                """)
        case .sent:
            try await run(
                "UPDATE message SET state = 'sent', body = NULL, due_at = NULL WHERE id = \(message.id)")
        case .failed:
            let isFinal = try await run(
                """
                UPDATE message SET state = 'failed', body = NULL, due_at = NULL
                WHERE id = \(message.id) AND state = 'queued' AND attempts = \(claim)
                """)
            guard isFinal == 1 else { return }
            try await record(
                .messageFailed(id: message.id, client: message.clientID, "no connector took the text", at: now))
        }
    }
}

extension SecurityEvent {
    /// No request waits for this any more: the message's id stands in for the request's.
    fileprivate static func messageFailed(
        id: String, client: String, _ reason: StaticString, at now: Timestamp
    ) -> SecurityEvent {
        SecurityEvent(
            .messageFailed, at: now, origin: RequestOrigin(requestID: id, address: nil), clientID: client,
            reason: reason)
    }
}

extension QueuedMessage {
    /// `nil` for a text of a later version's kind, which must not stop the others; it expires.
    fileprivate init?(row: SQLRow) throws {
        guard let template = MessageTemplate(rawValue: try row.text(3)) else { return nil }
        self.init(
            id: try row.text(0), recipient: try row.text(1), sealedBody: try row.blob(2), template: template,
            locale: try row.text(4), clientID: try row.text(5), createdAt: try row.time(6),
            expiresAt: try row.time(7), attempts: Int(try row.integer(8)) - 1)
    }
}
