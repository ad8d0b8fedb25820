package import AccountManagement
package import Accounts
package import Cryptography
package import DeveloperLog
import Messaging
package import OAuth
import PhoneLogin
package import RateLimiting
package import Time

extension SQLStore {
    package func passwordCandidate(
        _ query: PasswordQuery, from origin: RequestOrigin, at now: Timestamp
    ) async throws -> PasswordCandidateOutcome {
        try await engine.write { connection in
            let isKnown =
                try await connection.first(
                    """
                    SELECT 1 FROM known_origin WHERE digest IN \(list: query.origins) AND expires_at > \(now)
                    """) != nil
            if let refusal = try await connection.charge(query.charges(isKnown), at: now) {
                try await connection.record(
                    SecurityEvent(
                        .passwordRefused, at: now, origin: origin, rule: refusal.name.rawValue, reason: "limit reached",
                        retryAfterSeconds: refusal.retryAfterSeconds))
                return .limited(refusal)
            }
            guard let id = try await connection.accountID(query.identifier, acceptsClaims: query.acceptsClaims),
                let row = try await connection.first("SELECT password, disabled_at FROM account WHERE id = \(id)")
            else { return .candidate(nil) }
            return .candidate(
                PasswordCandidate(
                    account: id, password: try row.optionalText(0).flatMap { StoredPassword(encoded: $0) },
                    isDisabled: try row.optionalInteger(1) != nil, isKnownOrigin: isKnown))
        }
    }

    package func signIn(
        _ signIn: PasswordSignIn, from origin: RequestOrigin, at now: Timestamp
    ) async throws -> Bool {
        try await engine.write { connection in
            let account = signIn.candidate.account
            try await connection.lock(.account(account))
            let checked = signIn.candidate.password?.encoded ?? ""
            let isStill =
                try await connection.run(
                    """
                    UPDATE account SET password = \(signIn.rehashed ?? checked)
                    WHERE id = \(account) AND password = \(checked) AND disabled_at IS NULL
                    """) == 1
            guard isStill else { return false }
            for digest in signIn.origins {
                try await connection.send(
                    """
                    INSERT INTO known_origin (digest, expires_at) VALUES (\(digest), \(signIn.originsUntil))
                    ON CONFLICT (digest) DO UPDATE SET expires_at = excluded.expires_at
                    """)
            }
            if let new = signIn.signIn { try await connection.insert(new, of: account, at: now) }
            for charge in signIn.refunds { try await connection.refund(charge) }
            return true
        }
    }

    package func isKnown(_ origin: SHA256Digest, at now: Timestamp) async throws -> Bool {
        try await engine.read { connection in
            try await connection.first(
                "SELECT 1 FROM known_origin WHERE digest = \(origin) AND expires_at > \(now)") != nil
        }
    }

    package func password(of account: AccountID) async throws -> StoredAccountPassword? {
        try await engine.read { connection in
            guard let row = try await connection.first("SELECT password FROM account WHERE id = \(account)"),
                let profile = try await connection.profile(of: account)
            else { return nil }
            return StoredAccountPassword(
                encoded: try row.optionalText(0),
                names: [profile.loginName, profile.email?.text, profile.number?.text].compactMap(\.self))
        }
    }

    package func changePassword(
        of account: AccountID, from expected: String?, to encoded: String, ending: SignInEnding,
        from origin: RequestOrigin, at now: Timestamp
    ) async throws -> Bool {
        try await engine.write { connection in
            try await connection.lock(.account(account))
            // Of two changes that race, the second has checked a password that is no longer there.
            let isStill =
                try await connection.run(
                    """
                    UPDATE account SET password = \(encoded)
                    WHERE id = \(account) AND COALESCE(password, '') = \(expected ?? "")
                    """) == 1
            guard isStill else { return false }
            try await connection.set(password: encoded, of: account, ending: ending, from: origin, at: now)
            return true
        }
    }

    package func requestReset(
        _ request: ResetRequest, charging charges: [LimitCharge], from origin: RequestOrigin, at now: Timestamp
    ) async throws -> LimitRefusal? {
        try await engine.write { connection in
            let account = try await connection.lockedAccount { try await connection.accountID(request.account) }
            if let refusal = try await connection.charge(charges, at: now) { return refusal }
            guard let id = account, let profile = try await connection.profile(of: id), !profile.isDisabled,
                let recipient = request.recipient(
                    profile, try await connection.properties(of: id, named: request.properties))
            else { return nil }
            // Earlier ones stay good: people click the older mail, and strangers can ask for new ones.
            try await connection.send(
                """
                INSERT INTO password_reset (digest, account_id, expires_at)
                VALUES (\(request.digest), \(id), \(request.expiresAt))
                """)
            try await connection.enqueue(request.message(recipient))
            return nil
        }
    }

    package func reset(
        _ reset: PasswordReset, from origin: RequestOrigin, at now: Timestamp
    ) async throws -> ResetOutcome {
        try await engine.write { connection in
            let spent: SQLRow?
            let found = try await connection.lockedAccount { try await connection.accountID(reset.account) }
            if let account = found {
                spent = try await connection.first(
                    """
                    DELETE FROM password_reset
                    WHERE digest = \(reset.digest) AND account_id = \(account) AND expires_at > \(now)
                        AND EXISTS (SELECT 1 FROM account WHERE id = \(account) AND disabled_at IS NULL)
                    RETURNING account_id
                    """)
            } else {
                spent = nil
            }
            guard let spent else {
                try await connection.record(
                    SecurityEvent(
                        .proofRefused, at: now, origin: origin, reason: "no such password reset, or it is over"))
                return .unknown
            }
            let account = AccountID(try spent.text(0))
            try await connection.set(password: reset.password, of: account, ending: .all, from: origin, at: now)
            if let signIn = reset.signIn { try await connection.insert(signIn, of: account, at: now) }
            guard let profile = try await connection.profile(of: account) else { return .unknown }
            return .reset(profile)
        }
    }
}
