import AccountManagement
package import Accounts
import JOSE
package import OAuth
import PhoneLogin
import Time

extension SQLStore {
    package func profile(_ account: LoginIdentifier) async throws -> AccountProfile? {
        try await engine.read { connection in
            guard let id = try await connection.accountID(account) else { return nil }
            return try await connection.profile(of: id)
        }
    }

    package func isUser(_ account: AccountID, of client: ClientID) async throws -> Bool {
        try await engine.read { connection in
            try await connection.first(
                """
                SELECT 1 FROM account WHERE id = \(account) AND client_id = \(client)
                UNION ALL SELECT 1 FROM token_grant WHERE account_id = \(account) AND client_id = \(client) LIMIT 1
                """) != nil
        }
    }

    package func properties(of account: AccountID, named names: [String]?) async throws -> [AccountProperty] {
        try await engine.read { connection in try await connection.properties(of: account, named: names) }
    }
}

extension SQLConnection {
    func profile(of account: AccountID) async throws -> AccountProfile? {
        let row = try await first(
            """
            SELECT a.created_at, a.disabled_at, a.login_name, a.display_name, a.country, a.locale, a.updated_at,
                CASE WHEN a.password IS NULL THEN 0 ELSE 1 END,
                (SELECT number FROM account_phone WHERE account_id = a.id),
                (SELECT address FROM account_email WHERE account_id = a.id)
            FROM account a WHERE a.id = \(account)
            """)
        guard let row else { return nil }
        var profile = AccountProfile(id: account, createdAt: try row.time(0))
        profile.isDisabled = try row.optionalInteger(1) != nil
        profile.loginName = try row.optionalText(2)
        profile.displayName = try row.optionalText(3)
        profile.country = try row.optionalText(4)
        profile.locale = try row.optionalText(5)
        profile.updatedAt = try row.optionalTime(6) ?? profile.createdAt
        profile.hasPassword = try row.integer(7) == 1
        if let identity = try row.optionalText(8).map(PhoneIdentity.init(rawValue:)) {
            profile.number = AccountAddress(identity.number, isProven: true)
            profile.isTest = identity.testClient != nil
        }
        profile.email = try row.optionalText(9).map { AccountAddress($0, isProven: true) }
        try await addUnproven(to: &profile)
        return profile
    }

    /// Numbers and e-mail addresses that nobody proved.
    private func addUnproven(to profile: inout AccountProfile) async throws {
        let claims = try await rows("SELECT kind, address FROM address_claim WHERE account_id = \(profile.id)")
        for row in claims {
            let address = AccountAddress(try row.text(1), isProven: false)
            switch AddressKind(rawValue: try row.text(0)) {
            case .phone: profile.number = profile.number ?? address
            case .email: profile.email = profile.email ?? address
            case nil: break
            }
        }
        let pending = try await rows(
            "SELECT kind, address, begun_at FROM address_pending WHERE account_id = \(profile.id)")
        for row in pending {
            switch AddressKind(rawValue: try row.text(0)) {
            case .phone: (profile.pendingNumber, profile.pendingNumberSince) = (try row.text(1), try row.time(2))
            case .email: (profile.pendingEmail, profile.pendingEmailSince) = (try row.text(1), try row.time(2))
            case nil: break
            }
        }
    }

    func properties(of account: AccountID, named names: [String]? = nil) async throws -> [AccountProperty] {
        let found: [SQLRow]
        if let names {
            guard !names.isEmpty else { return [] }
            found = try await rows(
                """
                SELECT name, value FROM account_property
                WHERE account_id = \(account) AND name IN \(list: names) ORDER BY name
                """)
        } else {
            found = try await rows(
                "SELECT name, value FROM account_property WHERE account_id = \(account) ORDER BY name")
        }
        return try found.compactMap { row in
            guard let value = try? JSONValue(parsing: Array(try row.text(1).utf8)) else { return nil }
            return AccountProperty(name: try row.text(0), value: value)
        }
    }

    /// False when they would take more room than an account has, which is locked or new.
    func save(_ properties: [AccountProperty], of account: AccountID) async throws -> Bool {
        for property in properties {
            let value = property.value.serializedText
            try await send(
                """
                INSERT INTO account_property (account_id, name, value, size)
                VALUES (\(account), \(property.name), \(value), \(property.name.utf8.count + value.utf8.count))
                ON CONFLICT (account_id, name) DO UPDATE SET value = excluded.value, size = excluded.size
                """)
        }
        guard !properties.isEmpty else { return true }
        let row = try await first(
            """
            SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM account_property WHERE account_id = \(account)
            """)
        guard let row else { return true }
        return try row.integer(0) <= Int64(AccountProperty.countLimit)
            && (try row.integer(1)) <= Int64(AccountProperty.totalLimit)
    }
}
