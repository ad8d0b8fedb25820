package import DeveloperLog
import RateLimiting
import Time

extension SQLConnection {
    /// Writes a line of the developer log inside the act that it records.
    ///
    /// Refusals that cost a stranger nothing are written up to a budget: the first thousand an hour of an address
    /// tell the story, the millionth would only fill the disk.
    func record(_ event: SecurityEvent) async throws {
        if event.kind.isFree, try await charge(Self.logBudget(event), at: event.at) != nil { return }
        try await send(
            """
            INSERT INTO security_event
                (at, kind, request_id, client_id, account_id, phone, address, rule, reason, retry_after,
                figures)
            VALUES (\(event.at), \(event.kind.rawValue), \(event.requestID), \(event.clientID),
                \(event.accountID), \(event.phone), \(event.address), \(event.rule), \(event.reason),
                \(event.retryAfterSeconds), \(event.figures))
            """)
    }
}

extension SQLConnection {
    private static func logBudget(_ event: SecurityEvent) -> [LimitCharge] {
        [
            LimitCharge(.logPerAddress, Limit(count: 1000, windowSeconds: 3600), subject: event.address ?? ""),
            LimitCharge(.logInAll, Limit(count: 50_000, windowSeconds: 3600), subject: ""),
        ].compactMap(\.self)
    }
}

extension SQLStore: SecurityEventLog {
    package func record(_ event: SecurityEvent) async throws {
        try await engine.write { connection in try await connection.record(event) }
    }

    package func events(matching filter: SecurityEventFilter) async throws -> [NumberedSecurityEvent] {
        let suffix = filter.phoneSuffix.map { "%\($0.replacing("%", with: "").replacing("_", with: ""))" }
        // A first look wants the newest; whoever follows wants what comes next, and nothing left out.
        let order = filter.after == nil ? SQLOrder.descending : .ascending
        return try await engine.read { connection in
            try await connection.rows(
                """
                SELECT position, at, kind, request_id, client_id, account_id, phone, address, rule, reason, retry_after,
                    figures
                FROM (
                    SELECT * FROM security_event
                    WHERE position > \(filter.after ?? 0) AND at >= \(filter.since ?? Timestamp(milliseconds: 0))
                        AND (\(filter.kind) IS NULL OR kind = \(filter.kind))
                        AND (\(filter.clientID) IS NULL OR client_id = \(filter.clientID))
                        AND (\(filter.requestID) IS NULL OR request_id = \(filter.requestID))
                        AND (\(filter.rule) IS NULL OR rule = \(filter.rule))
                        AND (\(suffix) IS NULL OR phone LIKE \(suffix))
                    ORDER BY position \(order) LIMIT \(filter.limit)
                ) AS wanted ORDER BY position
                """
            ).compactMap(NumberedSecurityEvent.init(row:))
        }
    }
}

extension NumberedSecurityEvent {
    /// `nil` for an event of a later version's kind.
    fileprivate init?(row: SQLRow) throws {
        guard let kind = SecurityEvent.Kind(rawValue: try row.text(2)) else { return nil }
        self.init(
            position: try row.integer(0),
            event: SecurityEvent(
                kind: kind, at: try row.time(1), requestID: try row.text(3), clientID: try row.optionalText(4),
                accountID: try row.optionalText(5), phone: try row.optionalText(6), address: try row.optionalText(7),
                rule: try row.optionalText(8), reason: try row.text(9),
                retryAfterSeconds: try row.optionalInteger(10).map(Int.init), figures: try row.optionalText(11)))
    }
}
