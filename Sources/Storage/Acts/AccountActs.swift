package import Accounts
import DeveloperLog
import PhoneLogin
package import Time

extension SQLConnection {
    /// The account of a number that was just proved; the first proof makes it. The primary key of
    /// `account_phone` decides when two firsts race.
    func provenAccount(_ identity: PhoneIdentity, new id: AccountID, at now: Timestamp) async throws -> Account {
        if let known = try await provenAccount(identity, at: now) { return known }
        let isFirst =
            try await run(
                """
                INSERT INTO account_phone (number, account_id, verified_at, last_proof_at)
                VALUES (\(identity), \(id), \(now), \(now)) ON CONFLICT (number) DO NOTHING
                """) == 1
        guard isFirst else {
            return try await provenAccount(identity, at: now) ?? Account(id: id, isDisabled: true)
        }
        try await run("INSERT INTO account (id, created_at) VALUES (\(id), \(now))")
        return Account(id: id, isDisabled: false)
    }

    private func provenAccount(_ identity: PhoneIdentity, at now: Timestamp) async throws -> Account? {
        let owner = try await first(
            """
            UPDATE account_phone SET last_proof_at = \(now) WHERE number = \(identity)
            RETURNING account_id, (SELECT disabled_at FROM account WHERE id = account_phone.account_id)
            """)
        guard let owner else { return nil }
        return Account(id: AccountID(try owner.text(0)), isDisabled: try owner.optionalInteger(1) != nil)
    }
}

extension SQLStore: AccountStore {
    package func account(_ reference: AccountReference) async throws -> Account? {
        try await engine.read { connection in try await connection.account(reference) }
    }

    package func setDisabled(
        _ isDisabled: Bool, _ reference: AccountReference, at now: Timestamp
    ) async throws -> Account? {
        try await engine.write { connection in
            guard let account = try await connection.account(reference) else { return nil }
            guard account.isDisabled != isDisabled else { return account }
            try await connection.run(
                "UPDATE account SET disabled_at = \(isDisabled ? now : nil) WHERE id = \(account.id)")
            // For good: enabling the account again brings neither its old tokens back nor its sessions.
            try await connection.endSessions(of: account.id)
            try await connection.revokeGrants(of: account.id, at: now)
            try await connection.forgetConsents(of: account.id)
            try await connection.record(
                SecurityEvent(
                    isDisabled ? .accountDisabled : .accountEnabled, at: now, origin: .operator,
                    accountID: account.id.rawValue,
                    reason: isDisabled ? "disabled by an operator" : "enabled by an operator"))
            return Account(id: account.id, isDisabled: isDisabled)
        }
    }
}

extension SQLConnection {
    fileprivate func account(_ reference: AccountReference) async throws -> Account? {
        let row: SQLRow?
        switch reference {
        case .id(let id):
            row = try await first("SELECT id, disabled_at FROM account WHERE id = \(id)")
        case .number(let number):
            row = try await first(
                """
                SELECT a.id, a.disabled_at FROM account a JOIN account_phone p ON p.account_id = a.id
                WHERE p.number = \(number)
                """)
        }
        guard let row else { return nil }
        return Account(id: AccountID(try row.text(0)), isDisabled: try row.optionalInteger(1) != nil)
    }
}
