import Accounts
import Time

extension SQLConnection {
    /// The account of a number that was just proved; the first proof makes it. The primary key of
    /// `account_phone` decides when two firsts race.
    func provenAccount(number: String, new id: AccountID, at now: Timestamp) async throws -> Account {
        if let known = try await provenAccount(number: number, at: now) { return known }
        let isFirst =
            try await run(
                """
                INSERT INTO account_phone (number, account_id, verified_at, last_proof_at)
                VALUES (\(number), \(id), \(now), \(now)) ON CONFLICT (number) DO NOTHING
                """) == 1
        guard isFirst else {
            return try await provenAccount(number: number, at: now) ?? Account(id: id, isDisabled: true)
        }
        try await run("INSERT INTO account (id, created_at) VALUES (\(id), \(now))")
        return Account(id: id, isDisabled: false)
    }

    private func provenAccount(number: String, at now: Timestamp) async throws -> Account? {
        let owner = try await first(
            """
            UPDATE account_phone SET last_proof_at = \(now) WHERE number = \(number)
            RETURNING account_id, (SELECT disabled_at FROM account WHERE id = account_phone.account_id)
            """)
        guard let owner else { return nil }
        return Account(id: AccountID(try owner.text(0)), isDisabled: try owner.optionalInteger(1) != nil)
    }
}
