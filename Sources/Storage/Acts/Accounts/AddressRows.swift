import Accounts
import DeveloperLog
import OAuth
import PhoneLogin
import Time

/// The rows of numbers and e-mail addresses, as parts of larger acts.
extension SQLConnection {
    func setPending(
        _ kind: AddressKind, _ key: String, _ address: String, of account: AccountID, client: ClientID,
        begunIn: SignInAnchor?, at now: Timestamp
    ) async throws {
        try await send(
            """
            INSERT INTO address_pending (account_id, kind, key, address, client_id, begun_in, begun_at)
            SELECT id, \(kind.rawValue), \(key), \(address), \(client), \(begunIn?.key), \(now)
            FROM account WHERE id = \(account)
            ON CONFLICT (account_id, kind) DO UPDATE SET key = excluded.key, address = excluded.address,
                client_id = excluded.client_id, begun_in = excluded.begun_in, begun_at = excluded.begun_at
            """)
    }

    func recordEmailChange(
        of account: AccountID, to address: EmailAddress?, from origin: RequestOrigin, at now: Timestamp
    ) async throws {
        try await record(
            SecurityEvent(
                .emailChanged, at: now, origin: origin, accountID: account.rawValue,
                reason: address == nil
                    ? "the account has no e-mail address any more" : "the account has another e-mail address now",
                figures: address.map { "now \($0.masked)" }))
    }

    func isEnabled(_ account: AccountID) async throws -> Bool {
        try await first("SELECT 1 FROM account WHERE id = \(account) AND disabled_at IS NULL") != nil
    }

    func exists(_ account: AccountID) async throws -> Bool {
        try await first("SELECT 1 FROM account WHERE id = \(account)") != nil
    }

    func removePending(_ kind: AddressKind, of account: AccountID) async throws {
        try await send("DELETE FROM address_pending WHERE account_id = \(account) AND kind = \(kind.rawValue)")
    }

    /// Takes an address, which is locked, on its holder's word. False when somebody has it, by proof or by word.
    func claim(
        _ kind: AddressKind, _ key: String, _ address: String, for account: AccountID, at now: Timestamp
    ) async throws -> Bool {
        let owner =
            switch kind {
            case .phone: try await first("SELECT account_id FROM account_phone WHERE number = \(key)")
            case .email: try await first("SELECT account_id FROM account_email WHERE key = \(key)")
            }
        if let owner { return try owner.text(0) == account.rawValue }
        return try await run(
            """
            INSERT INTO address_claim (kind, key, account_id, address, claimed_at)
            VALUES (\(kind.rawValue), \(key), \(account), \(address), \(now))
            ON CONFLICT (kind, key) DO UPDATE SET address = excluded.address
                WHERE address_claim.account_id = excluded.account_id
            """) == 1
    }

    /// The number that signs in to an account, or that an app took its word for.
    func number(of account: AccountID) async throws -> (identity: PhoneIdentity, isProven: Bool)? {
        if let row = try await first("SELECT number FROM account_phone WHERE account_id = \(account)") {
            return (PhoneIdentity(rawValue: try row.text(0)), true)
        }
        let claim = try await first(
            "SELECT key FROM address_claim WHERE account_id = \(account) AND kind = \(AddressKind.phone.rawValue)")
        return try claim.map { (PhoneIdentity(rawValue: try $0.text(0)), false) }
    }

    /// Takes away what an account has of a kind, but for one address, and with it every code that was texted for it:
    /// a code of a number that is no longer somebody's opens nothing.
    func removeAddresses(
        _ kind: AddressKind, of account: AccountID, butFor spared: String = ""
    ) async throws {
        switch kind {
        case .phone:
            let gone = try await rows(
                "DELETE FROM account_phone WHERE account_id = \(account) AND number <> \(spared) RETURNING number")
            for row in gone { try await dropChallenges(of: PhoneIdentity(rawValue: try row.text(0))) }
        case .email:
            try await send("DELETE FROM account_email WHERE account_id = \(account) AND key <> \(spared)")
            // What was mailed to an address that is no longer theirs sets no password.
            try await send("DELETE FROM email_challenge WHERE account_id = \(account) AND key <> \(spared)")
            try await send("DELETE FROM password_reset WHERE account_id = \(account)")
        }
        try await send(
            """
            DELETE FROM address_claim
            WHERE account_id = \(account) AND kind = \(kind.rawValue) AND key <> \(spared)
            """)
    }

    func dropChallenges(of identity: PhoneIdentity) async throws {
        for row in try await rows("SELECT id FROM phone_challenge WHERE number = \(identity)") {
            try await drop(challenge: try row.text(0))
        }
    }

    /// A code and all its operations and texts.
    func drop(challenge id: String) async throws {
        try await send("DELETE FROM phone_challenge WHERE id = \(id)")
        try await dropMessages(ofChallenge: id)
        try await send("DELETE FROM phone_operation WHERE challenge_id = \(id)")
    }

    /// Whose account it is, by whatever it is called.
    ///
    /// - Parameter acceptsClaims: of which kinds an app's word is enough.
    func accountID(
        _ identifier: LoginIdentifier, acceptsClaims: Set<AddressKind> = Set(AddressKind.allCases)
    ) async throws -> AccountID? {
        let row: SQLRow?
        switch identifier {
        case .id(let id): row = try await first("SELECT id FROM account WHERE id = \(id)")
        case .loginName(let name): row = try await first("SELECT id FROM account WHERE login_key = \(name.rawValue)")
        case .number(let number):
            row = try await first("SELECT account_id FROM account_phone WHERE number = \(number)")
        case .email(let email), .nameOrEmail(let email):
            row = try await first("SELECT account_id FROM account_email WHERE key = \(email.rawValue)")
        }
        if let row { return AccountID(try row.text(0)) }
        switch identifier {
        case .id, .loginName: return nil
        case .number(let number):
            return acceptsClaims.contains(.phone) ? try await claimant(.phone, number) : nil
        case .email(let email):
            return acceptsClaims.contains(.email) ? try await claimant(.email, email.rawValue) : nil
        case .nameOrEmail(let text):
            if acceptsClaims.contains(.email), let claimed = try await claimant(.email, text.rawValue) {
                return claimed
            }
            return try await accountID(.loginName(text))
        }
    }

    /// Whom somebody may mean who proves an address: by the address itself, everybody who waits for it and whose code
    /// lives. Which of them it is, the code says: each got another one.
    func provingAccounts(
        _ identifier: LoginIdentifier, client: ClientID, at now: Timestamp
    ) async throws -> [AccountID] {
        let waiting: [SQLRow]
        switch identifier {
        case .number(let number):
            waiting = try await rows(
                """
                SELECT p.account_id FROM address_pending p JOIN phone_challenge c
                    ON c.number = p.key AND c.client_id = p.client_id AND c.purpose = 'number:' || p.account_id
                WHERE p.kind = 'phone' AND p.key = \(number) AND p.client_id = \(client) AND p.begun_in IS NULL
                    AND c.expires_at > \(now)
                ORDER BY p.begun_at DESC LIMIT 10
                """)
        case .email(let email):
            waiting = try await rows(
                """
                SELECT p.account_id FROM address_pending p JOIN email_challenge c
                    ON c.account_id = p.account_id AND c.key = p.key AND c.client_id = p.client_id
                WHERE p.kind = 'email' AND p.key = \(email.rawValue) AND p.client_id = \(client)
                    AND p.begun_in IS NULL AND c.purpose = 'address' AND c.expires_at > \(now)
                ORDER BY p.begun_at DESC LIMIT 10
                """)
        case .id, .loginName, .nameOrEmail: waiting = []
        }
        if !waiting.isEmpty { return try waiting.map { AccountID(try $0.text(0)) } }
        return [try await waitingAccount(identifier, client: client)].compactMap(\.self)
    }

    /// Whom somebody means who asks for a code again: whoever gave the address last and waits.
    func waitingAccount(_ identifier: LoginIdentifier, client: ClientID) async throws -> AccountID? {
        let (kind, key): (AddressKind, String)
        switch identifier {
        case .number(let number): (kind, key) = (.phone, number)
        case .email(let email): (kind, key) = (.email, email.rawValue)
        case .id, .loginName, .nameOrEmail: return try await accountID(identifier)
        }
        let waiting = try await first(
            """
            SELECT account_id FROM address_pending
            WHERE kind = \(kind.rawValue) AND key = \(key) AND client_id = \(client) AND begun_in IS NULL
            ORDER BY begun_at DESC LIMIT 1
            """)
        if let waiting { return AccountID(try waiting.text(0)) }
        return try await accountID(identifier)
    }

    /// Addresses that somebody only said were theirs.
    func dropUnproven(of account: AccountID) async throws {
        try await send("DELETE FROM address_claim WHERE account_id = \(account)")
        try await send("DELETE FROM address_pending WHERE account_id = \(account)")
    }

    private func claimant(_ kind: AddressKind, _ key: String) async throws -> AccountID? {
        let row = try await first(
            "SELECT account_id FROM address_claim WHERE kind = \(kind.rawValue) AND key = \(key)")
        return try row.map { AccountID(try $0.text(0)) }
    }
}
