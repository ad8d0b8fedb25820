import Accounts
package import DeveloperLog
import OAuth
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
            if let refusal = try await connection.charge(charges, at: now) {
                try await connection.record(.sendRefused(operation, by: refusal, from: origin, at: now))
                return .limited(refusal)
            }
            let challenge = try await connection.joinOrOpenChallenge(for: operation, at: now)
            guard challenge.guesses < operation.maxGuesses else {
                for charge in charges { try await connection.refund(charge) }
                try await connection.record(.exhausted(operation, from: origin, at: now))
                return .exhausted(until: challenge.expiresAt)
            }
            try await connection.insert(operation, challenge: challenge)
            if let message = operation.message {
                try await connection.enqueue(message(challenge.code, challenge.expiresAt))
            }
            return .started(expiresAt: challenge.expiresAt)
        }
    }
}

/// A code's whole life: shared by the operations that asked for it.
private struct Challenge {
    let id: String
    let code: OneTimeCode
    let guesses: Int
    let expiresAt: Timestamp
}

extension SQLConnection {
    fileprivate func joinOrOpenChallenge(
        for operation: NewPhoneOperation, at now: Timestamp
    ) async throws -> Challenge {
        let live = try await first(
            """
            SELECT id, code, guesses, expires_at FROM phone_challenge
            WHERE number = \(operation.identity) AND client_id = \(operation.client)
                AND device = \(operation.device?.id ?? "") AND purpose = \(operation.purpose.name)
                AND expires_at > \(now)
            """)
        guard let live else { return try await openChallenge(for: operation) }
        let id = try live.text(0)
        let guesses = Int(try live.integer(2))
        let expiresAt = try live.time(3)
        // People type the older message, so the code stays; but not once somebody has begun to guess at it.
        if guesses == 0, let code = operation.codeSeal.open(try live.blob(1), challenge: id) {
            return Challenge(id: id, code: code, guesses: 0, expiresAt: expiresAt)
        }
        if guesses < operation.maxGuesses {
            try await run(
                """
                UPDATE phone_challenge SET code = \(operation.codeSeal.seal(operation.code, challenge: id))
                WHERE id = \(id)
                """)
        }
        return Challenge(id: id, code: operation.code, guesses: guesses, expiresAt: expiresAt)
    }

    /// Takes the place of an expired challenge of the same subject, whose operations go with it.
    private func openChallenge(for operation: NewPhoneOperation) async throws -> Challenge {
        let sealed = operation.codeSeal.seal(operation.code, challenge: operation.challengeID)
        try await run(
            """
            INSERT INTO phone_challenge (id, client_id, number, device, purpose, code, guesses, expires_at)
            VALUES (\(operation.challengeID), \(operation.client), \(operation.identity),
                \(operation.device?.id ?? ""), \(operation.purpose.name), \(sealed), 0, \(operation.expiresAt))
            ON CONFLICT (number, client_id, device, purpose) DO UPDATE SET
                id = excluded.id, code = excluded.code, guesses = 0, expires_at = excluded.expires_at
            """)
        return Challenge(
            id: operation.challengeID, code: operation.code, guesses: 0, expiresAt: operation.expiresAt)
    }

    fileprivate func insert(_ operation: NewPhoneOperation, challenge: Challenge) async throws {
        switch operation.purpose {
        case .authorizationCode(let binding):
            try await run(
                """
                INSERT INTO phone_operation
                    (id, challenge_id, state, scope, redirect_uri, redirect_requested, code_challenge, link_digest,
                    asking_device, started_at, expires_at)
                VALUES (\(operation.id), \(challenge.id), \(binding.state), \(binding.scope),
                    \(binding.redirect.uri), \(binding.redirect.wasRequested), \(binding.codeChallenge),
                    \(operation.linkDigest), \(operation.askingDevice), \(operation.startedAt), \(challenge.expiresAt))
                """)
        case .session(let binding):
            // The request to go on with comes back with the browser, so what an app's login keeps stays empty.
            try await run(
                """
                INSERT INTO phone_operation
                    (id, challenge_id, state, scope, redirect_uri, redirect_requested, browser, continuation,
                    link_digest, asking_device, started_at, expires_at)
                VALUES (\(operation.id), \(challenge.id), '', '', '', 0, \(binding.browser), \(binding.continuation),
                    \(operation.linkDigest), \(operation.askingDevice), \(operation.startedAt), \(challenge.expiresAt))
                """)
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
            retryAfterSeconds: refusal.retryAfterSeconds)
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
