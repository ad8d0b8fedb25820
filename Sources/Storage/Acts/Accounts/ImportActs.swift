package import AccountManagement
package import Accounts
import PhoneLogin
package import Time

extension SQLStore: AccountImportStore {
    package func importAccounts(_ rows: [ImportRow], at now: Timestamp) async throws -> [ImportOutcome] {
        try await engine.write { connection in
            // All at once, in their order: each row is decided by what is committed, and by the rows before it.
            try await connection.lock(rows.reduce(into: []) { $0.formUnion($1.locks) })
            var outcomes: [ImportOutcome] = []
            for row in rows {
                let outcome = try await connection.judge(row)
                if outcome == .imported { try await connection.insert(row, at: now) }
                outcomes.append(outcome)
            }
            return outcomes
        }
    }

    package func wouldImport(_ rows: [ImportRow]) async throws -> [ImportOutcome] {
        try await engine.read { connection in
            var outcomes: [ImportOutcome] = []
            for row in rows { outcomes.append(try await connection.judge(row)) }
            return outcomes
        }
    }

    package func accounts(after id: AccountID?, atMost count: Int) async throws -> [ExportedAccount] {
        try await engine.read { connection in
            var exported: [ExportedAccount] = []
            let rows = try await connection.rows(
                """
                SELECT id, password FROM account WHERE id > \(id?.rawValue ?? "") ORDER BY id LIMIT \(count)
                """)
            for row in rows {
                let id = AccountID(try row.text(0))
                guard let profile = try await connection.profile(of: id) else { continue }
                exported.append(
                    ExportedAccount(
                        profile: profile, properties: try await connection.properties(of: id),
                        password: try row.optionalText(1)))
            }
            return exported
        }
    }
}

extension ImportRow {
    /// What nobody else may take, or delete, meanwhile.
    fileprivate var locks: Set<ActLock> {
        Set(
            [
                .account(id), number.map { .address(.phone, key: $0.text) },
                email.map { .address(.email, key: $0.address.key.rawValue) }, loginName.map { .loginName($0.key) },
            ].compactMap(\.self))
    }
}

extension SQLConnection {
    fileprivate func judge(_ row: ImportRow) async throws -> ImportOutcome {
        if try await first("SELECT 1 FROM account_import WHERE digest = \(row.digest)") != nil { return .alreadyThere }
        if try await first("SELECT 1 FROM account WHERE id = \(row.id)") != nil {
            return try await isSame(row) ? .alreadyThere : .duplicate(field: "id")
        }
        if try await first("SELECT 1 FROM account_deleted WHERE id = \(row.id)") != nil {
            return .duplicate(field: "id")
        }
        if let number = row.number, try await isTaken(.number(number.text), isProven: number.isProven) {
            return .duplicate(field: "phone_number")
        }
        if let name = row.loginName, try await isTaken(.loginName(name.key)) { return .duplicate(field: "login_name") }
        if let email = row.email, try await isTaken(.email(email.address.key), isProven: email.isProven) {
            return .duplicate(field: "email")
        }
        return .imported
    }

    /// Whether the account of the row's id is called and reached like the row says.
    private func isSame(_ row: ImportRow) async throws -> Bool {
        let identifiers: [LoginIdentifier?] = [
            row.number.map { .number($0.text) }, row.loginName.map { .loginName($0.key) },
            row.email.map { .email($0.address.key) },
        ]
        for identifier in identifiers.compactMap(\.self) {
            guard try await accountID(identifier) == row.id else { return false }
        }
        return true
    }

    /// A proof beats what somebody only said.
    private func isTaken(_ identifier: LoginIdentifier, isProven: Bool = false) async throws -> Bool {
        try await accountID(identifier, acceptsClaims: isProven ? [] : Set(AddressKind.allCases)) != nil
    }

    fileprivate func insert(_ row: ImportRow, at now: Timestamp) async throws {
        try await send(
            """
            INSERT INTO account
                (id, created_at, updated_at, disabled_at, login_name, login_key, password, display_name, country, locale)
            VALUES (\(row.id), \(row.createdAt), \(now), \(row.isDisabled ? now : nil), \(row.loginName?.text),
                \(row.loginName?.key.rawValue), \(row.password), \(row.displayName), \(row.country), \(row.locale))
            """)
        if let number = row.number {
            if number.isProven {
                // Idle from today on: how long it was before, nobody here knows.
                try await send(
                    """
                    INSERT INTO account_phone (number, account_id, verified_at, last_proof_at)
                    VALUES (\(number.text), \(row.id), \(now), \(now))
                    """)
                try await send("DELETE FROM address_claim WHERE kind = 'phone' AND key = \(number.text)")
            } else {
                _ = try await claim(.phone, number.text, number.text, for: row.id, at: now)
            }
        }
        if let email = row.email {
            if email.isProven {
                try await send(
                    """
                    INSERT INTO account_email (key, account_id, address, verified_at)
                    VALUES (\(email.address.key.rawValue), \(row.id), \(email.address.text), \(now))
                    """)
                try await send("DELETE FROM address_claim WHERE kind = 'email' AND key = \(email.address.key.rawValue)")
            } else {
                _ = try await claim(.email, email.address.key.rawValue, email.address.text, for: row.id, at: now)
            }
        }
        _ = try await save(row.properties, of: row.id)
        try await send("INSERT INTO account_import (digest, account_id) VALUES (\(row.digest), \(row.id))")
    }
}
