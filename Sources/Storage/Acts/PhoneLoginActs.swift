import Accounts
package import DeveloperLog
import Messaging
package import OAuth
package import PhoneLogin
import PhoneNumbers
package import RateLimiting
package import Time

extension SQLStore: PhoneLoginStore {
    package func start(
        _ operation: NewPhoneOperation, charging charges: [LimitCharge], from origin: RequestOrigin,
        at now: Timestamp
    ) async throws -> PhoneOperationStart {
        try await engine.write { connection in
            // An account that was deleted meanwhile gets no text, and leaves no code behind.
            if case .account(let account, _) = operation.purpose {
                try await connection.lock([.number(operation.identity), .account(account)])
                guard try await connection.exists(account) else { return .blocked }
            } else {
                try await connection.lock(.number(operation.identity))
            }
            // Before anything that others wait for.
            let live = try await connection.liveChallenge(for: operation, at: now)
            if let refusal = try await connection.charge(charges, at: now) {
                try await connection.record(.sendRefused(operation, by: refusal, from: origin, at: now))
                return .limited(refusal)
            }
            if let live, live.guesses >= operation.maxGuesses {
                for charge in charges { try await connection.refund(charge) }
                try await connection.record(.exhausted(operation, from: origin, at: now))
                return .exhausted(until: live.expiresAt)
            }
            let judge = SendingJudge(connection: connection, operation: operation, origin: origin, now: now)
            // Whoever asks for the same code again is not another person who does not confirm.
            if let refusal = try await judge.judge(isNewCode: live == nil) {
                for charge in charges { try await connection.refund(charge) }
                return refusal
            }
            let challenge = try await connection.renewOrOpen(live, for: operation)
            let message = operation.message?(challenge.code, challenge.expiresAt)
            try await connection.insert(operation, challenge: challenge, messageID: message?.id)
            if let message { try await connection.enqueue(message) }
            return .started(expiresAt: challenge.expiresAt, message: message)
        }
    }
}

/// A code's whole life: shared by the operations that asked for it.
private struct Challenge {
    let id: String
    /// `nil` when it was sealed with another key.
    let code: OneTimeCode?
    let guesses: Int
    let expiresAt: Timestamp
}

extension SQLConnection {
    /// The number is locked: nobody guesses at its codes, or ends one, until this act commits.
    fileprivate func liveChallenge(for operation: NewPhoneOperation, at now: Timestamp) async throws -> Challenge? {
        let live = try await first(
            """
            SELECT id, code, guesses, expires_at FROM phone_challenge
            WHERE number = \(operation.identity) AND client_id = \(operation.client)
                AND device = \(operation.device?.id ?? "") AND purpose = \(operation.purpose.name)
                AND expires_at > \(now)
            """)
        guard let live else { return nil }
        let id = try live.text(0)
        return Challenge(
            id: id, code: operation.codeSeal.open(try live.blob(1), challenge: id), guesses: Int(try live.integer(2)),
            expiresAt: try live.time(3))
    }

    /// People type the older message, so the code of a live challenge stays; but not once somebody has begun to guess
    /// at it.
    fileprivate func renewOrOpen(
        _ live: Challenge?, for operation: NewPhoneOperation
    ) async throws -> (id: String, code: OneTimeCode, expiresAt: Timestamp) {
        guard let live else { return try await openChallenge(for: operation) }
        if live.guesses == 0, let code = live.code { return (live.id, code, live.expiresAt) }
        // Texts with the old code that have not left yet would only mislead.
        try await dropMessages(ofChallenge: live.id)
        try await send(
            """
            UPDATE phone_challenge SET code = \(operation.codeSeal.seal(operation.code, challenge: live.id))
            WHERE id = \(live.id)
            """)
        return (live.id, operation.code, live.expiresAt)
    }

    /// Takes the place of an expired challenge of the same subject, whose operations go with it.
    private func openChallenge(
        for operation: NewPhoneOperation
    ) async throws -> (id: String, code: OneTimeCode, expiresAt: Timestamp) {
        let sealed = operation.codeSeal.seal(operation.code, challenge: operation.challengeID)
        try await send(
            """
            INSERT INTO phone_challenge (id, client_id, number, region, device, purpose, code, guesses, expires_at)
            VALUES (\(operation.challengeID), \(operation.client), \(operation.identity),
                \(operation.phone.region), \(operation.device?.id ?? ""), \(operation.purpose.name), \(sealed), 0, \(operation.expiresAt))
            ON CONFLICT (number, client_id, device, purpose) DO UPDATE SET
                id = excluded.id, region = excluded.region, code = excluded.code, guesses = 0,
                expires_at = excluded.expires_at
            """)
        return (operation.challengeID, operation.code, operation.expiresAt)
    }

    fileprivate func insert(
        _ operation: NewPhoneOperation, challenge: (id: String, code: OneTimeCode, expiresAt: Timestamp),
        messageID: String?
    ) async throws {
        switch operation.purpose {
        case .authorizationCode(let binding):
            try await send(
                """
                INSERT INTO phone_operation
                    (id, challenge_id, state, scope, resources, redirect_uri, redirect_requested, code_challenge,
                    nonce, key_thumbprint, link_digest, asking_device, started_at, expires_at, message_id)
                VALUES (\(operation.id), \(challenge.id), \(binding.state), \(binding.scope), \(binding.resources),
                    \(binding.redirect?.uri ?? ""), \(binding.redirect?.wasRequested ?? false),
                    \(binding.codeChallenge), \(binding.nonce), \(binding.keyThumbprint), \(operation.linkDigest),
                    \(operation.askingDevice), \(operation.startedAt), \(challenge.expiresAt), \(messageID))
                ON CONFLICT (id) DO UPDATE SET
                    challenge_id = excluded.challenge_id, expires_at = excluded.expires_at,
                    message_id = excluded.message_id
                """)
        case .session(let binding):
            // The request to go on with comes back with the browser, so what an app's login keeps stays empty.
            try await send(
                """
                INSERT INTO phone_operation
                    (id, challenge_id, state, scope, redirect_uri, redirect_requested, browser, continuation,
                    link_digest, asking_device, started_at, expires_at, message_id)
                VALUES (\(operation.id), \(challenge.id), '', '', '', 0, \(binding.browser), \(binding.continuation),
                    \(operation.linkDigest), \(operation.askingDevice), \(operation.startedAt), \(challenge.expiresAt),
                    \(messageID))
                """)
        case .account(let account, let purpose):
            try await send(
                """
                INSERT INTO phone_operation
                    (id, challenge_id, state, scope, redirect_uri, redirect_requested, started_at, expires_at, message_id)
                VALUES (\(operation.id), \(challenge.id), '', '', '', 0, \(operation.startedAt), \(challenge.expiresAt),
                    \(messageID))
                """)
            switch purpose {
            case .number(let begunIn):
                try await setPending(
                    .phone, operation.identity.rawValue, operation.phone.e164, of: account, client: operation.client,
                    begunIn: begunIn, at: operation.startedAt)
            case .numberAgain:
                try await send(
                    """
                    UPDATE address_pending SET begun_at = \(operation.startedAt)
                    WHERE account_id = \(account) AND kind = \(AddressKind.phone.rawValue)
                    """)
            case .passwordReset: break
            }
        }
    }
}

extension SecurityEvent {
    fileprivate static func sendRefused(
        _ operation: NewPhoneOperation, by refusal: LimitRefusal, from origin: RequestOrigin, at now: Timestamp
    ) -> SecurityEvent {
        SecurityEvent(
            .sendRefused, at: now, origin: origin, clientID: operation.client.rawValue,
            phone: operation.phone.masked, rule: refusal.name.rawValue, reason: "limit reached",
            retryAfterSeconds: refusal.retryAfterSeconds, figures: "limit \(refusal.limit)")
    }

    fileprivate static func exhausted(
        _ operation: NewPhoneOperation, from origin: RequestOrigin, at now: Timestamp
    ) -> SecurityEvent {
        SecurityEvent(
            .sendRefused, at: now, origin: origin, clientID: operation.client.rawValue,
            phone: operation.phone.masked, rule: LimitName.guessesPerOperation.rawValue,
            reason: "the live code has no guess left")
    }
}

extension SQLStore {
    package func textState(
        of id: String, client: ClientID, charging charges: [LimitCharge], at now: Timestamp
    ) async throws -> TextStateOutcome {
        try await engine.write { connection in
            if let refusal = try await connection.charge(charges, at: now) { return .limited(refusal) }
            // A test number has no message, and an expired operation no challenge: one of them knows the client.
            let row = try await connection.first(
                """
                SELECT o.expires_at, m.state
                FROM phone_operation o
                LEFT JOIN message m ON m.id = o.message_id
                LEFT JOIN phone_challenge c ON c.id = o.challenge_id
                WHERE o.id = \(id) AND COALESCE(m.client_id, c.client_id) = \(client)
                """)
            guard let row else { return .unknown }
            let state = try row.optionalText(1).flatMap(MessageState.init(rawValue:))
            return .known(TextState(state, expiresAt: try row.time(0), at: now))
        }
    }
}
