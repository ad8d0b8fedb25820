import Accounts
package import DeveloperLog
import OAuth
package import PhoneLogin
import PhoneNumbers
package import RateLimiting
package import Time

extension SQLStore {
    package func guess(
        _ guess: PhoneGuess, charging charges: [LimitCharge], from origin: RequestOrigin, at now: Timestamp
    ) async throws -> PhoneGuessOutcome {
        try await engine.write { connection in
            let judge = GuessJudge(connection: connection, guess: guess, origin: origin, now: now)
            if let refusal = try await connection.charge(charges, at: now) {
                return try await judge.limited(refusal)
            }
            guard let operation = try await judge.liveOperation() else { return try await judge.unknown() }
            return try await judge.judge(operation)
        }
    }
}

/// The columns of an operation and its challenge that a right guess needs.
private struct LiveOperation {
    let challengeID: String
    let device: String?
    let state: String
    let scope: Scope
    let redirectURI: String
    let redirectRequested: Bool
    let codeChallenge: CodeChallenge?
    let identity: PhoneIdentity

    init(row: SQLRow) throws {
        challengeID = try row.text(0)
        let device = try row.text(1)
        self.device = device.isEmpty ? nil : device
        state = try row.text(2)
        scope = Scope(try row.text(3)) ?? .empty
        redirectURI = try row.text(4)
        redirectRequested = try row.integer(5) != 0
        codeChallenge = try row.optionalText(6).flatMap { CodeChallenge($0) }
        identity = PhoneIdentity(rawValue: try row.text(7))
    }
}

/// One guess, inside its transaction: counted first, in a statement of its own, compared after.
private struct GuessJudge {
    let connection: any SQLConnection
    let guess: PhoneGuess
    let origin: RequestOrigin
    let now: Timestamp

    func liveOperation() async throws -> LiveOperation? {
        let operation = try await connection.first(
            """
            SELECT c.id, c.device, o.state, o.scope, o.redirect_uri, o.redirect_requested, o.code_challenge, c.number
            FROM phone_operation o JOIN phone_challenge c ON c.id = o.challenge_id
            WHERE o.id = \(guess.operationID) AND c.client_id = \(guess.client) AND c.expires_at > \(now)
            """
        ).map(LiveOperation.init)
        guard let operation, guess.isFor(operation.identity) else { return nil }
        return operation
    }

    func judge(_ operation: LiveOperation) async throws -> PhoneGuessOutcome {
        let budget = guess.budget(operation.identity, operation.device)
        if let budget, let refusal = try await connection.charge([budget], at: now) {
            return try await limited(refusal)
        }
        let counted = try await connection.first(
            """
            UPDATE phone_challenge SET guesses = guesses + 1
            WHERE id = \(operation.challengeID) AND guesses < \(guess.maxGuesses)
            RETURNING guesses, code
            """)
        guard let counted else {
            // Nothing was compared, so the number's budget is not touched either.
            if let budget { try await connection.refund(budget) }
            return .exhausted
        }
        let code = try counted.blob(1)
        guard guess.codeSeal.matches(guess.code, sealed: code, challenge: operation.challengeID) else {
            return try await wrong(guessesUsed: Int(try counted.integer(0)))
        }
        if let budget { try await connection.refund(budget) }
        return try await pass(operation)
    }

    private func wrong(guessesUsed: Int) async throws -> PhoneGuessOutcome {
        let isLast = guessesUsed >= guess.maxGuesses
        try await record(
            .guessWrong, rule: .guessesPerOperation, reason: isLast ? "wrong code, no guess left" : "wrong code")
        return isLast ? .exhausted : .wrong
    }

    private func pass(_ operation: LiveOperation) async throws -> PhoneGuessOutcome {
        // The code is dead from here on, whatever comes next.
        try await connection.run("DELETE FROM phone_operation WHERE challenge_id = \(operation.challengeID)")
        try await connection.run("DELETE FROM phone_challenge WHERE id = \(operation.challengeID)")
        let account = try await connection.provenAccount(operation.identity, new: guess.newAccount, at: now)
        guard !account.isDisabled else {
            try await connection.record(
                SecurityEvent(
                    .accountRefused, at: now, origin: origin, clientID: guess.client.rawValue,
                    accountID: account.id.rawValue, phone: masked, reason: "right code, but the account is disabled"))
            return .accountDisabled
        }
        try await connection.insert(
            Grant(
                id: guess.grant, account: account.id, client: guess.client, scope: operation.scope,
                authenticatedAt: now, methods: [.oneTimePassword, .sms]),
            expiresAt: guess.authorizationCodeExpiresAt)
        try await connection.run(
            """
            INSERT INTO authorization_code
                (digest, grant_id, client_id, redirect_uri, redirect_requested, code_challenge, expires_at)
            VALUES (\(guess.authorizationCode), \(guess.grant), \(guess.client), \(operation.redirectURI),
                \(operation.redirectRequested), \(operation.codeChallenge), \(guess.authorizationCodeExpiresAt))
            """)
        return .passed(
            PassedOperation(
                account: account.id, identity: operation.identity, state: operation.state,
                redirectURI: operation.redirectURI))
    }

    func limited(_ refusal: LimitRefusal) async throws -> PhoneGuessOutcome {
        try await connection.record(
            SecurityEvent(
                .guessRefused, at: now, origin: origin, clientID: guess.client.rawValue, phone: masked,
                rule: refusal.name.rawValue, reason: "limit reached", retryAfterSeconds: refusal.retryAfterSeconds))
        return .limited(refusal)
    }

    func unknown() async throws -> PhoneGuessOutcome {
        try await record(
            .operationUnknown, rule: nil, reason: "unknown, expired, finished, or of another client or number")
        return .unknown
    }

    private func record(_ kind: SecurityEvent.Kind, rule: LimitName?, reason: StaticString) async throws {
        try await connection.record(
            SecurityEvent(
                kind, at: now, origin: origin, clientID: guess.client.rawValue, phone: masked, rule: rule?.rawValue,
                reason: reason))
    }

    private var masked: String { PhoneNumber(trusted: guess.number, region: "", lineType: .unknown).masked }
}
