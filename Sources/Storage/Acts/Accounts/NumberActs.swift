package import AccountManagement
package import Accounts
package import Cryptography
package import DeveloperLog
package import OAuth
package import PhoneLogin
package import Time

extension SQLStore {
    package func pendingNumber(of account: LoginIdentifier, client: ClientID) async throws -> PendingNumber? {
        try await engine.read { connection in
            guard let id = try await connection.waitingAccount(account, client: client),
                let row = try await connection.first(
                    """
                    SELECT key FROM address_pending
                    WHERE account_id = \(id) AND kind = \(AddressKind.phone.rawValue) AND client_id = \(client)
                    """)
            else { return nil }
            return PendingNumber(account: id, identity: PhoneIdentity(rawValue: try row.text(0)))
        }
    }

    package func replaceNumber(
        of account: AccountID, with number: String, leaving change: NumberChange, from origin: RequestOrigin,
        at now: Timestamp
    ) async throws -> Bool {
        try await engine.write { connection in
            let identity = PhoneIdentity(rawValue: number)
            try await connection.lock([account], and: [.number(identity)])
            guard try await connection.exists(account) else { return false }
            let old = try await connection.number(of: account)
            guard old?.identity != identity else { return true }
            guard try await connection.claim(.phone, number, number, for: account, at: now) else { return false }
            try await connection.removeAddresses(.phone, of: account, butFor: number)
            try await connection.removePending(.phone, of: account)
            try await connection.touch(account, at: now)
            if let old {
                try await connection.tell(
                    old, of: account, changedTo: identity, leaving: change, from: origin, at: now)
            }
            return true
        }
    }

    /// An operator's word: the number counts as proved.
    ///
    /// - Parameter takingIt: from whoever has it; otherwise nothing changes then, and the answer is false.
    package func setNumber(
        _ number: String, of account: AccountID, takingIt: Bool, from origin: RequestOrigin, at now: Timestamp
    ) async throws -> Bool {
        try await engine.write { connection in
            let identity = PhoneIdentity(rawValue: number)
            try await connection.lock([account], and: [.number(identity)])
            if let owner = try await connection.accountID(.number(number), acceptsClaims: []), owner != account {
                guard takingIt else { return false }
                try await connection.removeAddresses(.phone, of: owner)
                try await connection.record(
                    SecurityEvent(
                        .numberChanged, at: now, origin: origin, accountID: owner.rawValue, phone: identity.masked,
                        reason: "an operator gave the number to another account"))
            }
            return try await connection.move(identity, to: account, leaving: nil, from: origin, at: now)
        }
    }

    package func removeNumber(
        of account: AccountID, leaving change: NumberChange, from origin: RequestOrigin, at now: Timestamp
    ) async throws {
        try await engine.write { connection in
            try await connection.lock([account])
            guard let old = try await connection.number(of: account) else { return }
            try await connection.removeAddresses(.phone, of: account)
            try await connection.touch(account, at: now)
            try await connection.tell(old, of: account, changedTo: nil, leaving: change, from: origin, at: now)
        }
    }

    package func removeEmail(of account: AccountID, from origin: RequestOrigin, at now: Timestamp) async throws {
        try await engine.write { connection in
            try await connection.lock(.account(account))
            try await connection.recordEmailChange(of: account, to: nil, from: origin, at: now)
            try await connection.removeAddresses(.email, of: account)
            try await connection.removePending(.email, of: account)
            try await connection.touch(account, at: now)
        }
    }

    package func numberChange(_ undo: SHA256Digest, at now: Timestamp) async throws -> UndoableChange? {
        try await engine.read { connection in
            try await connection.first(
                "SELECT old_number, new_number FROM number_change WHERE undo_digest = \(undo) AND expires_at > \(now)"
            ).map {
                UndoableChange(
                    oldNumber: PhoneIdentity(rawValue: try $0.text(0)),
                    newNumber: PhoneIdentity(rawValue: try $0.text(1)))
            }
        }
    }

    package func undoNumberChange(
        _ undo: SHA256Digest, from origin: RequestOrigin, at now: Timestamp
    ) async throws -> UndoOutcome {
        do {
            return try await engine.write { connection in
                guard let (account, old, changedAt) = try await connection.takeChange(undo, at: now),
                    try await connection.exists(account)
                else { return .gone }
                try await connection.takeBack(old, for: account, changedAt: changedAt, at: now)
                // The link itself reached the old number, which proves it once more.
                guard try await connection.move(old, to: account, leaving: nil, from: origin, at: now) else {
                    throw NumberTaken()
                }
                try await connection.undo(since: changedAt, of: account)
                try await connection.end(.all, of: account, at: now)
                try await connection.record(
                    SecurityEvent(
                        .numberChangeUndone, at: now, origin: origin, accountID: account.rawValue, phone: old.masked,
                        reason: "undone from the old number: it is back, and every sign-in ended"))
                return .undone
            }
        } catch is NumberTaken {
            return .taken
        }
    }
}

/// Thrown, so that the link stays good.
private struct NumberTaken: Error {}

extension SQLConnection {
    /// The change that a link undoes, for this act alone, with both accounts locked that its old number is about.
    fileprivate func takeChange(
        _ undo: SHA256Digest, at now: Timestamp
    ) async throws -> (account: AccountID, old: PhoneIdentity, changedAt: Timestamp)? {
        let row = try await first(
            """
            SELECT account_id, old_number, changed_at FROM number_change
            WHERE undo_digest = \(undo) AND expires_at > \(now)
            """)
        guard let row else { return nil }
        let (account, old) = (AccountID(try row.text(0)), PhoneIdentity(rawValue: try row.text(1)))
        let holder = try await first("SELECT account_id FROM account_phone WHERE number = \(old)")
        let accounts = try [account] + [holder.map { AccountID(try $0.text(0)) }].compactMap(\.self)
        try await lock(accounts, and: [.number(old)])
        guard try await run("DELETE FROM number_change WHERE undo_digest = \(undo)") == 1 else { return nil }
        return (account, old, try row.time(2))
    }

    /// Who finds that their number does not open their account any more often signs in with it before they read the
    /// text: the fresh account that this made gives the number back.
    fileprivate func takeBack(
        _ number: PhoneIdentity, for account: AccountID, changedAt: Timestamp, at now: Timestamp
    ) async throws {
        let fresh = try await first(
            """
            SELECT a.id FROM account_phone p JOIN account a ON a.id = p.account_id
            WHERE p.number = \(number) AND a.id <> \(account) AND a.created_at >= \(changedAt)
            """)
        guard let fresh else { return }
        let id = AccountID(try fresh.text(0))
        try await removeAddresses(.phone, of: id)
        try await end(.all, of: id, at: now)
    }

    /// Whoever changed the number of somebody else's account may have set a password or an e-mail address too, and
    /// changed the number again: none of that lets them in any more.
    fileprivate func undo(since change: Timestamp, of account: AccountID) async throws {
        try await send("DELETE FROM number_change WHERE account_id = \(account) AND changed_at >= \(change)")
        try await send("UPDATE account SET password = NULL WHERE id = \(account) AND password_set_at >= \(change)")
        try await send("DELETE FROM account_email WHERE account_id = \(account) AND verified_at >= \(change)")
        try await send(
            "DELETE FROM address_claim WHERE account_id = \(account) AND claimed_at > \(change) AND kind = 'email'")
        try await send("DELETE FROM password_reset WHERE account_id = \(account)")
        try await removePending(.email, of: account)
    }
}
