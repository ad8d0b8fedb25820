package import AccountManagement
package import Accounts
package import DeveloperLog
import OAuth
import PhoneLogin
import RateLimiting
package import Time

extension SQLStore {
    package func register(
        _ account: NewAccount, signIn: NewSignIn?, from origin: RequestOrigin, at now: Timestamp
    ) async throws -> RegistrationOutcome {
        do {
            return try await engine.write { connection in
                try await connection.lock(account.locks)
                try await connection.insert(account, at: now)
                if let signIn { try await connection.insert(signIn, of: account.id, at: now) }
                guard let profile = try await connection.profile(of: account.id) else {
                    throw AccountTaken(field: .loginName)
                }
                return .registered(profile)
            }
        } catch let taken as AccountTaken {
            return .taken(taken.field)
        }
    }

    package func update(
        _ account: AccountID, _ update: AccountUpdate, from origin: RequestOrigin, at now: Timestamp
    ) async throws -> UpdateOutcome {
        do {
            return try await engine.write { connection in
                try await connection.lock(update.locks.union([.account(account)]))
                guard try await connection.exists(account) else { return .gone }
                try await connection.apply(update, to: account, from: origin, at: now)
                guard let profile = try await connection.profile(of: account) else { return .gone }
                return .updated(profile)
            }
        } catch let taken as AccountTaken {
            return .taken(taken.field)
        } catch is PropertiesTooLarge {
            return .tooLarge
        }
    }
}

extension NewAccount {
    /// What nobody else may take meanwhile.
    fileprivate var locks: Set<ActLock> {
        Set(
            [
                number.map { .address(.phone, key: $0.key) }, email.map { .address(.email, key: $0.key) },
                loginName.map { .loginName($0.key) },
            ].compactMap(\.self))
    }
}

extension AccountUpdate {
    /// What nobody else may take meanwhile.
    fileprivate var locks: Set<ActLock> {
        Set([email.map { .address(.email, key: $0.key) }, loginName.map { .loginName($0.key) }].compactMap(\.self))
    }
}

/// Thrown, so that nothing of an act remains.
private struct AccountTaken: Error { let field: AccountField }
private struct PropertiesTooLarge: Error {}

extension SQLConnection {
    fileprivate func insert(_ account: NewAccount, at now: Timestamp) async throws {
        let isNew =
            try await run(
                """
                INSERT INTO account
                    (id, created_at, updated_at, client_id, login_name, login_key, password, password_set_at,
                    display_name, country, locale)
                VALUES (\(account.id), \(now), \(now), \(account.client), \(account.loginName?.text),
                    \(account.loginName?.key.rawValue), \(account.password), \(now), \(account.displayName),
                    \(account.country), \(account.locale))
                ON CONFLICT DO NOTHING
                """) == 1
        guard isNew else { throw AccountTaken(field: .loginName) }
        try await give(account.number, .phone, to: account.id, client: account.client, at: now)
        try await give(account.email, .email, to: account.id, client: account.client, at: now)
        guard try await save(account.properties, of: account.id) else { throw PropertiesTooLarge() }
    }

    private func give(
        _ address: GivenAddress?, _ kind: AddressKind, to account: AccountID, client: ClientID, at now: Timestamp
    ) async throws {
        guard let address else { return }
        if address.isToBeProved {
            try await setPending(
                kind, address.key, address.text, of: account, client: client, begunIn: nil, at: now)
        } else if try await !claim(kind, address.key, address.text, for: account, at: now) {
            throw AccountTaken(field: kind == .phone ? .number : .email)
        }
    }

    fileprivate func apply(
        _ update: AccountUpdate, to account: AccountID, from origin: RequestOrigin, at now: Timestamp
    ) async throws {
        if let name = update.loginName {
            let owner = try await first("SELECT id FROM account WHERE login_key = \(name.key.rawValue)")
            if let owner, try owner.text(0) != account.rawValue { throw AccountTaken(field: .loginName) }
            try await send(
                """
                UPDATE account SET login_name = \(name.text), login_key = \(name.key.rawValue) WHERE id = \(account)
                """)
        }
        if let email = update.email {
            guard try await claim(.email, email.key, email.text, for: account, at: now) else {
                throw AccountTaken(field: .email)
            }
            try await recordEmailChange(of: account, to: EmailAddress(email.text), from: origin, at: now)
            try await removeAddresses(.email, of: account, butFor: email.key)
            try await removePending(.email, of: account)
        }
        try await send(
            """
            UPDATE account SET updated_at = \(now), display_name = COALESCE(\(update.displayName), display_name),
                country = COALESCE(\(update.country), country), locale = COALESCE(\(update.locale), locale)
            WHERE id = \(account)
            """)
        if !update.removedProperties.isEmpty {
            try await send(
                """
                DELETE FROM account_property
                WHERE account_id = \(account) AND name IN \(list: update.removedProperties)
                """)
        }
        guard try await save(update.properties, of: account) else { throw PropertiesTooLarge() }
    }

    func insert(_ signIn: NewSignIn, of account: AccountID, at now: Timestamp) async throws {
        let grant = Grant(
            id: signIn.grant, account: account, client: signIn.client, scope: .empty, authenticatedAt: now,
            methods: [.password])
        try await insert(grant, expiresAt: signIn.expiresAt)
        for token in signIn.tokens { try await insert(token, of: signIn.grant) }
        try await endOldest(of: account, at: signIn.client, at: now)
        if let refreshToken = signIn.refreshToken { try await insert(refreshToken, grant: grant) }
    }

    /// Tokens that never end would pile up: the hundred latest sign-ins of an app live.
    private func endOldest(of account: AccountID, at client: ClientID, at now: Timestamp) async throws {
        let oldest = try await rows(
            """
            SELECT id FROM token_grant
            WHERE account_id = \(account) AND client_id = \(client) AND revoked_at IS NULL AND session_id IS NULL
            ORDER BY authenticated_at DESC LIMIT 1000 OFFSET 100
            """)
        for grant in oldest { _ = try await revokeGrant(GrantID(try grant.text(0)), at: now) }
    }

    func insert(_ token: OpaqueToken, of grant: GrantID) async throws {
        try await send(
            """
            INSERT INTO opaque_token (digest, kind, grant_id, expires_at)
            VALUES (\(token.digest), \(token.kind.rawValue), \(grant), \(token.expiresAt))
            """)
    }
}
