import Accounts
package import DeveloperLog
import Messaging
import OAuth
package import PhoneLogin
package import RateLimiting
package import Time

extension SQLStore {
    package func prove(
        _ proof: NumberProof, charging charges: [LimitCharge], from origin: RequestOrigin, at now: Timestamp
    ) async throws -> NumberProofOutcome {
        try await engine.write { connection in
            let judge = ProofJudge(connection: connection, proof: proof, origin: origin, now: now)
            let accounts = try await judge.accounts()
            try await connection.lock(accounts)
            if let refusal = try await connection.charge(charges, at: now) {
                try await judge.record(.guessRefused, rule: refusal.name, "limit reached", refusal.retryAfterSeconds)
                return .limited(refusal)
            }
            return try await judge.judge(accounts)
        }
    }
}

/// One code typed in for an account, inside its transaction.
private struct ProofJudge {
    let connection: any SQLConnection
    let proof: NumberProof
    let origin: RequestOrigin
    let now: Timestamp

    /// - Parameter accounts: locked, and looked at only since.
    func judge(_ accounts: [AccountID]) async throws -> NumberProofOutcome {
        var outcome = NumberProofOutcome.nothingPending
        for account in accounts {
            let judged = try await judge(account)
            if case .proven = judged { return judged }
            // What was compared tells more than what was not there.
            if outcome == .nothingPending || judged != .nothingPending { outcome = judged }
        }
        return outcome
    }

    private func judge(_ account: AccountID) async throws -> NumberProofOutcome {
        let (subject, purpose): (String, AccountPurpose)
        switch proof.reward {
        case .number(let confirmedIn, _, _):
            guard let pending = try await pendingNumber(of: account), try await connection.isEnabled(account) else {
                return .nothingPending
            }
            guard pending.begunIn == nil || pending.begunIn == confirmedIn?.key else {
                try await record(.proofRefused, of: account, "typed in another sign-in than the one that asked")
                return .unknown
            }
            (subject, purpose) = (pending.key, .numberAgain)
        case .password:
            guard let number = try await connection.number(of: account), try await connection.isEnabled(account),
                number.isProven || proof.acceptsClaims.contains(.phone)
            else { return .nothingPending }
            (subject, purpose) = (number.identity.rawValue, .passwordReset)
        }
        guard let operation = try await liveOperation(subject, purpose.name(for: account)) else {
            try await record(.operationUnknown, of: account, "no live code for this")
            return .unknown
        }
        return try await judge(operation, of: account)
    }

    private func judge(_ operation: LiveOperation, of account: AccountID) async throws -> NumberProofOutcome {
        let verdict = try await connection.count(
            CodeGuess(
                code: proof.code, maxGuesses: proof.maxGuesses, codeSeal: proof.codeSeal,
                budget: proof.budget(operation.identity, proof.device)), at: operation, at: now)
        switch verdict {
        case .right: break
        case .wrong(let isLast):
            try await record(.guessWrong, of: account, rule: .guessesPerOperation, "wrong code")
            return isLast ? .exhausted : .wrong
        case .exhausted: return .exhausted
        case .finished:
            try await record(.operationUnknown, of: account, "no live code for this")
            return .unknown
        case .limited(let refusal):
            try await record(.guessRefused, of: account, rule: refusal.name, "limit reached", refusal.retryAfterSeconds)
            return .limited(refusal)
        }
        try await connection.finish(operation)
        let outcome = try await reward(operation, of: account)
        try await connection.credit(operation, proof.confirmed)
        return outcome
    }

    private func reward(_ operation: LiveOperation, of account: AccountID) async throws -> NumberProofOutcome {
        switch proof.reward {
        case .number(_, let ending, let change):
            let old = try await connection.number(of: account)
            try await connection.parkIdleOwner(
                of: operation.identity, successor: account, idleBefore: proof.idleBefore, client: proof.client,
                from: origin, at: now)
            let isOurs = try await connection.move(
                operation.identity, to: account, replacing: old, leaving: change, from: origin, at: now)
            guard isOurs else {
                try await connection.removePending(.phone, of: account)
                try await record(.proofRefused, of: account, "somebody else proved the number first")
                return .taken
            }
            try await connection.end(ending, of: account, at: now)
        case .password(let encoded, let notice):
            // A code that arrived proves the number; what else was only said is not its holder's word any more.
            _ = try await connection.move(operation.identity, to: account, leaving: nil, from: origin, at: now)
            try await connection.dropUnproven(of: account)
            try await connection.set(password: encoded, of: account, ending: .all, from: origin, at: now)
            if let message = notice(operation.identity) { try await connection.enqueue(message) }
        }
        return .proven(account)
    }

    func accounts() async throws -> [AccountID] {
        if case .password = proof.reward {
            return [try await connection.accountID(proof.account, acceptsClaims: proof.acceptsClaims)].compactMap(
                \.self)
        }
        return try await connection.provingAccounts(proof.account, client: proof.client, at: now)
    }

    private func pendingNumber(of account: AccountID) async throws -> (key: String, begunIn: String?)? {
        try await connection.first(
            """
            SELECT key, begun_in FROM address_pending
            WHERE account_id = \(account) AND kind = \(AddressKind.phone.rawValue) AND client_id = \(proof.client)
            """
        ).map { (try $0.text(0), try $0.optionalText(1)) }
    }

    /// The latest text for this, or the one that the caller names.
    private func liveOperation(_ subject: String, _ purpose: String) async throws -> LiveOperation? {
        let id = try await connection.first(
            """
            SELECT o.id FROM phone_challenge c JOIN phone_operation o ON o.challenge_id = c.id
            WHERE c.number = \(subject) AND c.client_id = \(proof.client) AND c.device = \(proof.device ?? "")
                AND c.purpose = \(purpose)
                AND (\(proof.operationID ?? "") = '' OR o.id = \(proof.operationID ?? ""))
            ORDER BY o.started_at DESC LIMIT 1
            """)
        guard let id else { return nil }
        return try await connection.liveOperation(try id.text(0), at: now)
    }

    func record(
        _ kind: SecurityEvent.Kind, of account: AccountID? = nil, rule: LimitName? = nil, _ reason: StaticString,
        _ retryAfterSeconds: Int? = nil
    ) async throws {
        try await connection.record(
            SecurityEvent(
                kind, at: now, origin: origin, clientID: proof.client.rawValue, accountID: account?.rawValue,
                rule: rule?.rawValue, reason: reason, retryAfterSeconds: retryAfterSeconds))
    }
}

extension SQLConnection {
    /// Makes a number an account's own, in the place of the one it had; both are locked. False when it is somebody
    /// else's.
    ///
    /// - Parameter change: what tells the old number, and undoes it; `nil` when nothing shall.
    func move(
        _ identity: PhoneIdentity, to account: AccountID, leaving change: NumberChange?, from origin: RequestOrigin,
        at now: Timestamp
    ) async throws -> Bool {
        try await move(
            identity, to: account, replacing: try await number(of: account), leaving: change, from: origin, at: now)
    }

    fileprivate func move(
        _ identity: PhoneIdentity, to account: AccountID, replacing old: (identity: PhoneIdentity, isProven: Bool)?,
        leaving change: NumberChange?, from origin: RequestOrigin, at now: Timestamp
    ) async throws -> Bool {
        let isOurs =
            try await run(
                """
                INSERT INTO account_phone (number, account_id, verified_at, last_proof_at)
                VALUES (\(identity), \(account), \(now), \(now))
                ON CONFLICT (number) DO UPDATE SET last_proof_at = excluded.last_proof_at
                    WHERE account_phone.account_id = excluded.account_id
                """) == 1
        guard isOurs else { return false }
        try await removeAddresses(.phone, of: account, butFor: identity.rawValue)
        try await send("DELETE FROM address_claim WHERE kind = 'phone' AND key = \(identity)")
        try await removePending(.phone, of: account)
        // It is reached by another number now, so the one it lost is no way back to it any more.
        try await send("DELETE FROM account_parked WHERE account_id = \(account)")
        try await touch(account, at: now)
        if let message = change?.completed?(identity) { try await enqueue(message) }
        guard let old, old.identity != identity else { return true }
        try await tell(old, of: account, changedTo: identity, leaving: change, from: origin, at: now)
        return true
    }

    /// The old number hears of it, if it was proved to be the account's.
    func tell(
        _ old: (identity: PhoneIdentity, isProven: Bool), of account: AccountID, changedTo identity: PhoneIdentity?,
        leaving change: NumberChange?, from origin: RequestOrigin, at now: Timestamp
    ) async throws {
        try await record(
            SecurityEvent(
                .numberChanged, at: now, origin: origin, accountID: account.rawValue, phone: old.identity.masked,
                reason: identity == nil ? "the account has no number any more" : "the account has another number now",
                figures: identity.map { "now \($0.masked)" }))
        // A number that nobody proved may be anybody's, and gets no texts on an app's word.
        guard old.isProven, let change, let message = change.notice(old.identity) else { return }
        try await send(
            """
            INSERT INTO number_change
                (undo_digest, account_id, message_id, old_number, new_number, changed_at, expires_at)
            VALUES (\(change.undo), \(account), \(message.id), \(old.identity), \(identity?.rawValue ?? ""), \(now),
                \(change.undoableUntil))
            """)
        try await enqueue(message)
    }

    func touch(_ account: AccountID, at now: Timestamp) async throws {
        try await send("UPDATE account SET updated_at = \(now) WHERE id = \(account)")
    }

    /// Sets a password whatever there was.
    func set(
        password encoded: String, of account: AccountID, ending: SignInEnding, from origin: RequestOrigin,
        at now: Timestamp
    ) async throws {
        try await send(
            """
            UPDATE account SET password = \(encoded), password_set_at = \(now), updated_at = \(now)
            WHERE id = \(account)
            """)
        try await send("DELETE FROM password_reset WHERE account_id = \(account)")
        try await end(ending, of: account, at: now)
        try await record(
            SecurityEvent(
                .passwordChanged, at: now, origin: origin, accountID: account.rawValue, reason: "a new password is set")
        )
    }
}
