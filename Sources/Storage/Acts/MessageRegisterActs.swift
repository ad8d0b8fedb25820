package import Messaging
package import Time

extension SQLStore: MessageRegister {
    package func messages(
        in state: MessageState?, of clientID: String?, limit: Int
    ) async throws -> [MessageRecord] {
        try await engine.read { connection in
            try await connection.rows(
                """
                SELECT id, channel, recipient, region, template, locale, client_id, created_at, expires_at, state,
                    due_at, attempts, connector, provider_id, failed_connectors, answer
                FROM message
                WHERE (\(state?.rawValue) IS NULL OR state = \(state?.rawValue))
                    AND (\(clientID) IS NULL OR client_id = \(clientID))
                ORDER BY created_at DESC LIMIT \(limit)
                """
            ).compactMap(MessageRecord.init(row:))
        }
    }

    package func message(_ id: String) async throws -> MessageRecord? {
        try await engine.read { connection in
            try await connection.first(
                """
                SELECT id, channel, recipient, region, template, locale, client_id, created_at, expires_at, state,
                    due_at, attempts, connector, provider_id, failed_connectors, answer
                FROM message WHERE id = \(id)
                """
            ).flatMap(MessageRecord.init(row:))
        }
    }

    package func retry(_ id: String, at now: Timestamp) async throws -> RetryOutcome {
        try await engine.write { connection in
            // The row is taken first, so that of two at once the second sees what the first did.
            let row = try await connection.first(
                """
                UPDATE message SET state = state WHERE id = \(id)
                RETURNING state, body, expires_at, connector, failed_connectors, leased_until
                """)
            guard let row, let state = MessageState(rawValue: try row.text(0)) else { return .unknown }
            guard try row.optionalBlob(1) != nil, now < (try row.time(2)) else { return .final(state) }
            guard state == .sent, let connector = try row.optionalText(3) else {
                // Whoever is sending it would not know of a second one.
                guard try row.optionalTime(5).map({ $0 <= now }) ?? true else { return .underWay }
                try await connection.send("UPDATE message SET due_at = \(now) WHERE id = \(id)")
                return .hastened
            }
            let failed = try row.text(4) + "\(connector) "
            try await connection.send(
                """
                UPDATE message SET state = 'queued', due_at = \(now), failed_connectors = \(failed)
                WHERE id = \(id)
                """)
            return .movedOn
        }
    }
}

extension MessageRecord {
    /// `nil` for a row of a later version's kind.
    fileprivate init?(row: SQLRow) throws {
        guard let channel = MessageChannel(rawValue: try row.text(1)),
            let state = MessageState(rawValue: try row.text(9))
        else { return nil }
        self.init(
            id: try row.text(0), channel: channel, recipient: try row.text(2), region: try row.text(3),
            template: try row.text(4), locale: try row.text(5), clientID: try row.text(6),
            createdAt: try row.time(7), expiresAt: try row.time(8), state: state, dueAt: try row.optionalTime(10),
            attempts: Int(try row.integer(11)), connector: try row.optionalText(12),
            providerID: try row.optionalText(13),
            failedConnectors: try row.text(14).split(separator: " ").map(String.init),
            answer: try row.optionalText(15))
    }
}
