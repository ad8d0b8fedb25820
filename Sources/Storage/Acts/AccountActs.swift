package import Accounts
package import DeveloperLog
import OAuth
import PhoneLogin
package import Time

extension SQLConnection {
    /// The account of a number that was just proved, and is locked; the first proof makes it. The primary key of
    /// `account_phone` decides when two firsts race.
    ///
    /// - Parameter idleBefore: a number last proved before then may belong to somebody else by now.
    func provenAccount(
        _ identity: PhoneIdentity, new id: AccountID, idleBefore: Timestamp?, client: ClientID,
        from origin: RequestOrigin, at now: Timestamp
    ) async throws -> Account {
        let newest = idleBefore ?? Timestamp(milliseconds: .min)
        if let known = try await provenAccount(identity, newerThan: newest, at: now) { return known }
        let isFirst =
            try await run(
                """
                INSERT INTO account_phone (number, account_id, verified_at, last_proof_at)
                VALUES (\(identity), \(id), \(now), \(now)) ON CONFLICT (number) DO NOTHING
                """) == 1
        guard isFirst else {
            return try await recycle(identity, new: id, idleBefore: newest, client: client, from: origin, at: now)
        }
        // Whoever only said that it was theirs loses it to whoever showed it.
        try await send("DELETE FROM address_claim WHERE kind = 'phone' AND key = \(identity)")
        return try await insertAccount(id, at: now)
    }

    private func insertAccount(_ id: AccountID, at now: Timestamp) async throws -> Account {
        try await send("INSERT INTO account (id, created_at) VALUES (\(id), \(now))")
        return Account(id: id, isDisabled: false)
    }

    /// Whoever is kept out stays out, however long they wait.
    private func provenAccount(
        _ identity: PhoneIdentity, newerThan newest: Timestamp, at now: Timestamp
    ) async throws -> Account? {
        let owner = try await first(
            """
            UPDATE account_phone SET last_proof_at = \(now) WHERE number = \(identity)
                AND (last_proof_at > \(newest)
                    OR EXISTS (SELECT 1 FROM account WHERE id = account_phone.account_id AND disabled_at IS NOT NULL))
            RETURNING account_id, (SELECT disabled_at FROM account WHERE id = account_phone.account_id)
            """)
        guard let owner else { return nil }
        return Account(id: AccountID(try owner.text(0)), isDisabled: try owner.optionalInteger(1) != nil)
    }

    /// The number was idle: it opens a fresh account, and the old one waits for its holder to claim it back.
    private func recycle(
        _ identity: PhoneIdentity, new id: AccountID, idleBefore: Timestamp, client: ClientID,
        from origin: RequestOrigin, at now: Timestamp
    ) async throws -> Account {
        let isOurs = try await park(
            identity, successor: id, idleBefore: idleBefore, client: client, from: origin, at: now)
        // Otherwise two proofs raced, and the other one was first.
        return isOurs
            ? try await insertAccount(id, at: now)
            : try await provenAccount(identity, newerThan: idleBefore, at: now) ?? Account(id: id, isDisabled: true)
    }

    /// The same when an account proves a number for itself that another one let go idle.
    func parkIdleOwner(
        of identity: PhoneIdentity, successor: AccountID, idleBefore: Timestamp?, client: ClientID,
        from origin: RequestOrigin, at now: Timestamp
    ) async throws {
        guard let idleBefore else { return }
        let owner = try await first(
            """
            SELECT 1 FROM account_phone p JOIN account a ON a.id = p.account_id
            WHERE p.number = \(identity) AND p.account_id <> \(successor) AND a.disabled_at IS NULL
            """)
        guard owner != nil else { return }
        _ = try await park(
            identity, successor: successor, idleBefore: idleBefore, client: client, from: origin, at: now)
    }

    /// Gives an idle number to another account. False when it is not idle.
    private func park(
        _ identity: PhoneIdentity, successor: AccountID, idleBefore: Timestamp, client: ClientID,
        from origin: RequestOrigin, at now: Timestamp
    ) async throws -> Bool {
        let parked = try await first(
            "SELECT account_id, last_proof_at FROM account_phone WHERE number = \(identity)")
        let isOurs =
            try await run(
                """
                UPDATE account_phone SET account_id = \(successor), verified_at = \(now), last_proof_at = \(now)
                WHERE number = \(identity) AND last_proof_at <= \(idleBefore)
                """) == 1
        guard let parked, isOurs else { return false }
        let old = AccountID(try parked.text(0))
        let idleDays = (now.milliseconds - (try parked.integer(1))) / 86_400_000
        try await send(
            """
            INSERT INTO account_parked (account_id, number, parked_at) VALUES (\(old), \(identity), \(now))
            ON CONFLICT (account_id) DO UPDATE SET number = excluded.number, parked_at = excluded.parked_at
            """)
        try await record(
            SecurityEvent(
                .numberRecycled, at: now, origin: origin, clientID: client.rawValue, accountID: old.rawValue,
                phone: identity.masked,
                reason: "idle number proved again: it belongs to another account, the old one is parked",
                figures: "idle for \(idleDays) days"))
        return true
    }
}

extension SQLStore: AccountStore {
    package func account(_ reference: LoginIdentifier) async throws -> Account? {
        try await engine.read { connection in try await connection.account(reference) }
    }

    package func setDisabled(
        _ isDisabled: Bool, _ reference: LoginIdentifier, at now: Timestamp
    ) async throws -> Account? {
        try await engine.write { connection in
            guard let account = try await connection.lockedWhole(reference) else { return nil }
            return try await connection.setDisabled(isDisabled, account, from: .operator, at: now)
        }
    }

    package func setDisabled(
        _ isDisabled: Bool, _ account: AccountID, from origin: RequestOrigin, at now: Timestamp
    ) async throws {
        try await engine.write { connection in
            guard let account = try await connection.lockedWhole(.id(account)) else { return }
            _ = try await connection.setDisabled(isDisabled, account, from: origin, at: now)
        }
    }
}

extension SQLConnection {
    fileprivate func setDisabled(
        _ isDisabled: Bool, _ account: Account, from origin: RequestOrigin, at now: Timestamp
    ) async throws -> Account {
        guard account.isDisabled != isDisabled else { return account }
        try await send("UPDATE account SET disabled_at = \(isDisabled ? now : nil) WHERE id = \(account.id)")
        // For good: enabling the account again brings neither its old tokens back nor its sessions.
        try await end(.all, of: account.id, at: now)
        try await forgetConsents(of: account.id)
        try await record(
            SecurityEvent(
                isDisabled ? .accountDisabled : .accountEnabled, at: now, origin: origin,
                accountID: account.id.rawValue,
                reason: origin == .operator
                    ? isDisabled ? "disabled by an operator" : "enabled by an operator"
                    : isDisabled ? "disabled by an app's owner" : "enabled by an app's owner"))
        return Account(id: account.id, isDisabled: isDisabled)
    }
}

extension SQLConnection {
    /// With its numbers: nobody signs in by one of them meanwhile.
    fileprivate func lockedWhole(_ reference: LoginIdentifier) async throws -> Account? {
        guard let id = try await accountID(reference) else { return nil }
        try await lock([id])
        return try await account(.id(id))
    }

    fileprivate func account(_ reference: LoginIdentifier) async throws -> Account? {
        guard let id = try await accountID(reference),
            let row = try await first("SELECT disabled_at FROM account WHERE id = \(id)")
        else { return nil }
        return Account(id: id, isDisabled: try row.optionalInteger(0) != nil)
    }
}
