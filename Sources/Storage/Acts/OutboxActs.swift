import DeveloperLog
package import Messaging
package import Time

extension SQLConnection {
    func enqueue(_ message: QueuedMessage) async throws {
        try await send(
            """
            INSERT INTO message
                (id, channel, recipient, region, body, template, locale, client_id, created_at, expires_at, due_at,
                attempts, state)
            VALUES (\(message.id), \(message.channel.rawValue), \(message.recipient), \(message.region),
                \(message.sealedContent), \(message.template.rawValue), \(message.locale), \(message.clientID),
                \(message.createdAt), \(message.expiresAt), \(message.createdAt), 0, 'queued')
            """)
    }

    /// The code is spent: nobody needs its texts any more, and those that still wait must not leave.
    func dropMessages(ofChallenge challengeID: String) async throws {
        try await send(
            """
            UPDATE message SET body = NULL, due_at = NULL,
                state = CASE state WHEN 'queued' THEN 'expired' ELSE state END
            WHERE body IS NOT NULL
                AND id IN (SELECT message_id FROM phone_operation WHERE challenge_id = \(challengeID))
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
                WITH over AS (
                    SELECT id FROM message WHERE due_at <= \(now) AND expires_at <= \(now) \(.skippingLocked))
                UPDATE message SET body = NULL, due_at = NULL,
                    state = CASE state WHEN 'queued' THEN 'expired' ELSE state END
                WHERE id IN (SELECT id FROM over)
                RETURNING id, client_id, state, answer
                """)
            for row in expired where try row.text(2) == MessageState.expired.rawValue {
                try await connection.record(
                    .messageFailed(
                        id: try row.text(0), client: try row.text(1), "expired before it left",
                        answer: try row.optionalText(3), at: now))
            }
            return try await connection.rows(
                """
                WITH due AS (
                    SELECT id FROM message WHERE due_at <= \(now) AND state = 'queued'
                    ORDER BY due_at LIMIT \(count) \(.skippingLocked))
                UPDATE message SET due_at = \(leaseEnd), leased_until = \(leaseEnd), attempts = attempts + 1
                WHERE id IN (SELECT id FROM due)
                RETURNING id, channel, recipient, region, body, template, locale, client_id, created_at, expires_at,
                    attempts, failed_connectors
                """
            ).compactMap(QueuedMessage.init(row:)).sorted { $0.createdAt < $1.createdAt }
        }
    }

    package func extendLease(of message: QueuedMessage, until leaseEnd: Timestamp) async throws -> Bool {
        try await engine.write { connection in
            try await connection.run(
                """
                UPDATE message SET due_at = \(leaseEnd), leased_until = \(leaseEnd)
                WHERE id = \(message.id) AND state = 'queued' AND attempts = \(message.claim)
                """) == 1
        }
    }

    package func record(_ outcomes: [DeliveryOutcome], at now: Timestamp) async throws {
        try await engine.write { connection in
            for outcome in outcomes { try await connection.record(outcome, at: now) }
        }
    }
}

extension ProviderAnswer {
    fileprivate var stored: String? { description.isEmpty ? nil : description }
}

extension QueuedMessage {
    /// Every claim counts up `attempts`: the number fences off whoever claimed before.
    fileprivate var claim: Int { attempts + 1 }
}

extension SQLConnection {
    fileprivate func record(_ outcome: DeliveryOutcome, at now: Timestamp) async throws {
        let message = outcome.message
        let answer = outcome.answer?.stored
        switch outcome.result {
        case .retry(let at):
            try await send(
                """
                UPDATE message SET due_at = \(at), leased_until = NULL, answer = \(answer)
                WHERE id = \(message.id) AND state = 'queued' AND attempts = \(message.claim)
                """)
        case .sent(let connector, let providerID, awaitsReceipt: true):
            // Kept for another connector until the code dies, when the next look at what is due takes the words.
            try await send(
                """
                UPDATE message SET state = 'sent', connector = \(connector), provider_id = \(providerID),
                    answer = \(answer), due_at = CASE WHEN body IS NULL THEN NULL ELSE expires_at END
                WHERE id = \(message.id) AND state <> 'delivered'
                """)
        case .sent(let connector, let providerID, awaitsReceipt: false):
            try await send(
                """
                UPDATE message SET state = 'sent', connector = \(connector), provider_id = \(providerID),
                    answer = \(answer), due_at = NULL, body = NULL
                WHERE id = \(message.id)
                """)
        case .failed:
            let isFinal = try await run(
                """
                UPDATE message SET state = 'failed', body = NULL, due_at = NULL, answer = \(answer)
                WHERE id = \(message.id) AND state = 'queued' AND attempts = \(message.claim)
                """)
            guard isFinal == 1 else { return }
            try await record(
                .messageFailed(
                    id: message.id, client: message.clientID, "no connector took the text", answer: answer, at: now))
        }
    }
}

extension SQLStore: ReceiptStore {
    package func record(
        _ receipt: DeliveryReceipt, from connector: String, at now: Timestamp
    ) async throws -> ReceiptEffect {
        try await engine.write { connection in
            guard let message = try await connection.acceptedMessage(of: receipt, by: connector) else {
                return try await connection.effectOfEarly(receipt)
            }
            guard message.state == MessageState.sent.rawValue else { return .none }
            switch receipt.state {
            case .delivered:
                try await connection.send(
                    "UPDATE message SET state = 'delivered', body = NULL, due_at = NULL WHERE id = \(message.id)")
                return .recorded
            case .failed:
                return try await connection.moveOn(message, from: connector, receipt, at: now)
            }
        }
    }
}

private struct AcceptedMessage {
    let id: String
    let state: String
    let clientID: String
    let failedConnectors: String
    /// Words are kept only while another connector may need them.
    let hasWords: Bool
    let expiresAt: Timestamp
}

extension SQLConnection {
    /// By the provider's id where it has one of its own, else by ours; when both are given, both must fit. The row is
    /// this act's until it commits: of two receipts for one text the second finds what the first left.
    fileprivate func acceptedMessage(
        of receipt: DeliveryReceipt, by connector: String
    ) async throws -> AcceptedMessage? {
        let row: SQLRow?
        if let providerID = receipt.providerID {
            row = try await first(
                """
                UPDATE message SET state = state WHERE provider_id = \(providerID) AND connector = \(connector)
                RETURNING id, state, client_id, failed_connectors, body, expires_at
                """)
        } else {
            row = try await first(
                """
                UPDATE message SET state = state WHERE id = \(receipt.messageID) AND connector = \(connector)
                RETURNING id, state, client_id, failed_connectors, body, expires_at
                """)
        }
        guard let row else { return nil }
        let message = AcceptedMessage(
            id: try row.text(0), state: try row.text(1), clientID: try row.text(2),
            failedConnectors: try row.text(3), hasWords: try row.optionalBlob(4) != nil,
            expiresAt: try row.time(5))
        return receipt.messageID.map { $0 == message.id } ?? true ? message : nil
    }

    /// A receipt that is quicker than the answer to its text, or that makes up for an answer that never came: with
    /// our own id in it nobody needs another copy of what was delivered.
    fileprivate func effectOfEarly(_ receipt: DeliveryReceipt) async throws -> ReceiptEffect {
        guard let id = receipt.messageID else { return .unknown }
        switch receipt.state {
        case .delivered:
            let count = try await run(
                """
                UPDATE message SET state = 'delivered', body = NULL, due_at = NULL, provider_id = \(receipt.providerID)
                WHERE id = \(id) AND state = 'queued' AND connector IS NULL
                """)
            return count == 1 ? .recorded : .unknown
        case .failed:
            let row = try await first(
                "SELECT id FROM message WHERE id = \(id) AND state = 'queued' AND connector IS NULL")
            return row == nil ? .unknown : .early
        }
    }

    /// The same code by another way, while it lives.
    fileprivate func moveOn(
        _ message: AcceptedMessage, from connector: String, _ receipt: DeliveryReceipt, at now: Timestamp
    ) async throws -> ReceiptEffect {
        let answer = receipt.answer.stored
        guard message.hasWords, now < message.expiresAt else {
            try await send(
                """
                UPDATE message SET state = 'failed', body = NULL, due_at = NULL, answer = \(answer)
                WHERE id = \(message.id)
                """)
            try await record(
                .messageFailed(
                    id: message.id, client: message.clientID, "the provider could not deliver the text",
                    answer: answer, at: now))
            return .recorded
        }
        try await record(
            .messageFailed(
                .messageMovedOn, id: message.id, client: message.clientID,
                "the provider could not deliver the text: another one gets it", answer: answer, at: now))
        try await send(
            """
            UPDATE message SET state = 'queued', due_at = \(now), answer = \(answer),
                failed_connectors = \("\(message.failedConnectors)\(connector) ")
            WHERE id = \(message.id)
            """)
        return .movedOn
    }
}

extension SecurityEvent {
    /// No request waits for this any more: the message's id stands in for the request's.
    fileprivate static func messageFailed(
        _ kind: Kind = .messageFailed, id: String, client: String, _ reason: StaticString, answer: String?,
        at now: Timestamp
    ) -> SecurityEvent {
        SecurityEvent(
            kind, at: now, origin: RequestOrigin(requestID: id, address: nil), clientID: client,
            reason: reason, figures: answer)
    }
}

extension QueuedMessage {
    /// `nil` for a text of a later version's kind, which must not stop the others; it expires.
    fileprivate init?(row: SQLRow) throws {
        guard let channel = MessageChannel(rawValue: try row.text(1)),
            let template = MessageTemplate(rawValue: try row.text(5))
        else { return nil }
        self.init(
            id: try row.text(0), channel: channel, recipient: try row.text(2), region: try row.text(3),
            sealedContent: try row.blob(4), template: template, locale: try row.text(6),
            clientID: try row.text(7), createdAt: try row.time(8), expiresAt: try row.time(9),
            attempts: Int(try row.integer(10)) - 1,
            failedConnectors: Set(try row.text(11).split(separator: " ").map(String.init)))
    }
}
