package import AccountManagement
import Accounts
import Cryptography
package import DeveloperLog
import Messaging
import OAuth
import PhoneLogin
package import RateLimiting
package import Time

extension SQLStore {
    package func start(
        _ proof: NewEmailProof, charging charges: [LimitCharge], from origin: RequestOrigin, at now: Timestamp
    ) async throws -> EmailProofStart {
        try await engine.write { connection in
            let found = try await connection.lockedAccount { try await connection.account(of: proof) }
            if let refusal = try await connection.charge(charges, at: now) { return .limited(refusal) }
            guard let account = found, let address = try await connection.address(for: proof, of: account, at: now)
            else { return .nothing }
            if let mustBe = proof.mustBe, mustBe != address.key { return .nothing }
            let live = try await connection.liveChallenge(of: proof, for: address, of: account, at: now)
            if let live, live.guesses >= proof.maxGuesses { return .exhausted(until: live.expiresAt) }
            // People type the older mail, so the code stays; but not once somebody has begun to guess at it.
            let isRepeated = live?.guesses == 0 && live?.code != nil
            let code = isRepeated ? live?.code ?? proof.code : proof.code
            let expiresAt = live?.expiresAt ?? proof.expiresAt
            if !isRepeated {
                try await connection.send(
                    """
                    INSERT INTO email_challenge
                        (account_id, purpose, client_id, place, id, key, code, guesses, expires_at)
                    VALUES (\(account), \(proof.purpose.name), \(proof.client), \(place(proof.isKnownPlace)),
                        \(proof.id), \(address.key.rawValue),
                        \(proof.codeSeal.seal(code, challenge: proof.id)), \(live?.guesses ?? 0), \(expiresAt))
                    ON CONFLICT (account_id, purpose, client_id, place) DO UPDATE SET id = excluded.id, key = excluded.key,
                        code = excluded.code, guesses = excluded.guesses, expires_at = excluded.expires_at
                    """)
            }
            try await connection.enqueue(proof.message(code, expiresAt, address))
            return .started
        }
    }

    package func prove(
        _ proof: EmailProof, charging charges: [LimitCharge], from origin: RequestOrigin, at now: Timestamp
    ) async throws -> EmailProofOutcome {
        try await engine.write { connection in
            let judge = EmailJudge(connection: connection, proof: proof, origin: origin, now: now)
            let accounts = try await judge.accounts()
            try await connection.lock(accounts + judge.successors)
            if let refusal = try await connection.charge(charges, at: now) { return .limited(refusal) }
            return try await judge.judge(accounts)
        }
    }
}

/// Strangers' codes and those asked for from a known place are two.
private func place(_ isKnown: Bool) -> String { isKnown ? "known" : "" }

extension SQLConnection {
    fileprivate func account(of proof: NewEmailProof) async throws -> AccountID? {
        switch proof.purpose {
        case .address, .addressAgain: try await waitingAccount(proof.account, client: proof.client)
        case .passwordReset, .reclaim: try await accountID(proof.account, acceptsClaims: proof.acceptsClaims)
        }
    }

    /// The code that an address was sent for this, while it lasts.
    fileprivate func liveChallenge(
        of proof: NewEmailProof, for address: EmailAddress, of account: AccountID, at now: Timestamp
    ) async throws -> (code: OneTimeCode?, guesses: Int, expiresAt: Timestamp)? {
        try await first(
            """
            SELECT code, id, guesses, expires_at FROM email_challenge
            WHERE account_id = \(account) AND purpose = \(proof.purpose.name) AND client_id = \(proof.client)
                AND place = \(place(proof.isKnownPlace)) AND key = \(address.key.rawValue) AND expires_at > \(now)
            """
        ).map {
            (
                proof.codeSeal.open(try $0.blob(0), challenge: try $0.text(1)), Int(try $0.integer(2)),
                try $0.time(3)
            )
        }
    }

    /// Where the code goes.
    fileprivate func address(
        for proof: NewEmailProof, of account: AccountID, at now: Timestamp
    ) async throws -> EmailAddress? {
        switch proof.purpose {
        case .address(let begunIn):
            guard let address = proof.address else { return nil }
            try await setPending(
                .email, address.key.rawValue, address.text, of: account, client: proof.client, begunIn: begunIn,
                at: now)
            return address
        case .addressAgain:
            return try await first(
                """
                UPDATE address_pending SET begun_at = \(now)
                WHERE account_id = \(account) AND kind = \(AddressKind.email.rawValue) AND client_id = \(proof.client)
                RETURNING address
                """
            ).flatMap { EmailAddress(try $0.text(0)) }
        case .passwordReset, .reclaim:
            return try await email(of: account, acceptsClaims: proof.acceptsClaims)
        }
    }
}

extension SQLConnection {
    /// Where an account may be e-mailed about itself.
    fileprivate func email(of account: AccountID, acceptsClaims: Set<AddressKind>) async throws -> EmailAddress? {
        guard let profile = try await profile(of: account), !profile.isDisabled, let email = profile.email,
            email.isProven || acceptsClaims.contains(.email)
        else { return nil }
        return EmailAddress(email.text)
    }
}

/// One e-mailed code typed in, inside its transaction: counted first, compared after.
private struct EmailJudge {
    let connection: any SQLConnection
    let proof: EmailProof
    let origin: RequestOrigin
    let now: Timestamp

    /// - Parameter accounts: locked, and looked at only since.
    func judge(_ accounts: [AccountID]) async throws -> EmailProofOutcome {
        var outcome = NumberProofOutcome.nothingPending
        for account in accounts {
            let judged = try await judge(account)
            if case .proven = judged { return judged }
            if outcome == .nothingPending || judged != .nothingPending { outcome = judged }
        }
        return outcome
    }

    private func judge(_ account: AccountID) async throws -> EmailProofOutcome {
        guard try await connection.isEnabled(account) else { return .nothingPending }
        if case .address(let confirmedIn, _) = proof.reward {
            let pending = try await connection.first(
                """
                SELECT begun_in FROM address_pending
                WHERE account_id = \(account) AND kind = \(AddressKind.email.rawValue) AND client_id = \(proof.client)
                """)
            guard let pending else { return .nothingPending }
            let begunIn = try pending.optionalText(0)
            guard begunIn == nil || begunIn == confirmedIn?.key else {
                try await record(.proofRefused, account, "typed in another sign-in than the one that asked")
                return .unknown
            }
        }
        let budget = proof.budget(account)
        if let budget, let refusal = try await connection.charge([budget], at: now) {
            try await record(.guessRefused, account, "limit reached")
            return .limited(refusal)
        }
        let counted = try await connection.first(
            """
            UPDATE email_challenge SET guesses = guesses + 1
            WHERE account_id = \(account) AND purpose = \(purpose) AND client_id = \(proof.client)
                AND place = \(place(proof.isKnownPlace)) AND expires_at > \(now)
            RETURNING guesses, code, id, key
            """)
        guard let counted, try counted.integer(0) <= proof.maxGuesses else {
            // Nothing is compared.
            if let budget { try await connection.refund(budget) }
            return counted == nil ? .unknown : .exhausted
        }
        guard proof.codeSeal.matches(proof.code, sealed: try counted.blob(1), challenge: try counted.text(2)) else {
            try await record(.guessWrong, account, "wrong e-mailed code")
            return try counted.integer(0) >= proof.maxGuesses ? .exhausted : .wrong
        }
        if let budget { try await connection.refund(budget) }
        try await connection.send(
            """
            DELETE FROM email_challenge
            WHERE account_id = \(account) AND purpose = \(purpose) AND client_id = \(proof.client)
                AND place = \(place(proof.isKnownPlace))
            """)
        return try await reward(account, key: FoldedText(stored: try counted.text(3)))
    }

    /// Who gives its number back, when that is what the code is for.
    var successors: [AccountID] {
        if case .reclaim(let successor, _) = proof.reward { [successor] } else { [] }
    }

    func accounts() async throws -> [AccountID] {
        if case .address = proof.reward {
            return try await connection.provingAccounts(proof.account, client: proof.client, at: now)
        }
        return [try await connection.accountID(proof.account, acceptsClaims: proof.acceptsClaims)].compactMap(\.self)
    }

    private var purpose: String {
        switch proof.reward {
        case .address: EmailPurpose.addressAgain.name
        case .password: EmailPurpose.passwordReset.name
        case .reclaim: EmailPurpose.reclaim.name
        }
    }

    private func reward(_ account: AccountID, key: FoldedText) async throws -> EmailProofOutcome {
        switch proof.reward {
        case .address(_, let completed):
            let pending = try await connection.first(
                """
                SELECT address FROM address_pending
                WHERE account_id = \(account) AND kind = \(AddressKind.email.rawValue) AND key = \(key.rawValue)
                """)
            guard let address = try pending.flatMap({ EmailAddress(try $0.text(0)) }) else { return .unknown }
            guard try await move(address, to: account) else {
                try await connection.removePending(.email, of: account)
                try await record(.proofRefused, account, "somebody else proved the address first")
                return .taken
            }
            if let message = completed?(address) { try await connection.enqueue(message) }
        case .password(let encoded, let notice):
            let address = try await connection.email(of: account, acceptsClaims: proof.acceptsClaims)
            guard let address, address.key == key else { return .unknown }
            // A code that arrived proves the address; what else was only said is not its holder's word any more.
            _ = try await move(address, to: account)
            try await connection.dropUnproven(of: account)
            try await connection.set(password: encoded, of: account, ending: .all, from: origin, at: now)
            try await connection.enqueue(notice(address))
        case .reclaim(let successor, let session):
            guard
                try await connection.reclaim(account, for: successor, session: session, from: origin, at: now)
            else { return .taken }
        }
        return .proven(account)
    }

    private func move(_ address: EmailAddress, to account: AccountID) async throws -> Bool {
        let isOurs =
            try await connection.run(
                """
                INSERT INTO account_email (key, account_id, address, verified_at)
                VALUES (\(address.key.rawValue), \(account), \(address.text), \(now))
                ON CONFLICT (key) DO UPDATE SET address = excluded.address, verified_at = excluded.verified_at
                    WHERE account_email.account_id = excluded.account_id
                """) == 1
        guard isOurs else { return false }
        try await connection.recordEmailChange(of: account, to: address, from: origin, at: now)
        try await connection.removeAddresses(.email, of: account, butFor: address.key.rawValue)
        try await connection.send("DELETE FROM address_claim WHERE kind = 'email' AND key = \(address.key.rawValue)")
        try await connection.removePending(.email, of: account)
        try await connection.touch(account, at: now)
        return true
    }

    private func record(_ kind: SecurityEvent.Kind, _ account: AccountID, _ reason: StaticString) async throws {
        try await connection.record(
            SecurityEvent(kind, at: now, origin: origin, accountID: account.rawValue, reason: reason))
    }
}
