import Accounts
import Cryptography
import DeveloperLog
import Messaging
import OAuth
import PostgresDriver
import RateLimiting
import Storage
import TestSupport
import Time

@testable import AccountManagement
@testable import PhoneLogin

// E-mailed codes, and sign-ins by password with their opaque tokens.

extension AccountFixture {
    func startEmail(
        _ purpose: EmailPurpose, of account: LoginIdentifier, address: String? = nil, mustBe: String? = nil,
        isKnownPlace: Bool = false, code: String = "135791", charging charges: [LimitCharge] = [], on store: SQLStore,
        at now: Timestamp = .noon
    ) async throws -> EmailProofStart {
        let proof = NewEmailProof(
            account: account, client: client.id, acceptsClaims: acceptsClaims, purpose: purpose,
            address: try address.map { try known(EmailAddress($0)) },
            mustBe: try mustBe.map { try known(FoldedText($0)) }, isKnownPlace: isKnownPlace,
            id: Unique.name("e-mailed code"),
            code: OneTimeCode(length: code.utf8.count, entropy: .alwaysDrawing(code)),
            expiresAt: now.adding(seconds: emailCodeLifetimeSeconds), maxGuesses: maxGuesses, codeSeal: codeSeal,
            message: { code, end, address in
                queued(.verificationCode, channel: .email, to: address.text, saying: code.digits, at: now, until: end)
            })
        return try await store.start(proof, charging: charges, from: .home, at: now)
    }

    func proveEmail(
        _ code: String = "135791", of account: LoginIdentifier, isKnownPlace: Bool = false, reward: EmailProofReward,
        charging charges: [LimitCharge] = [], on store: SQLStore, at now: Timestamp = .noon
    ) async throws -> EmailProofOutcome {
        let proof = EmailProof(
            account: account, client: client.id, acceptsClaims: acceptsClaims, isKnownPlace: isKnownPlace, code: code,
            maxGuesses: maxGuesses, codeSeal: codeSeal,
            budget: { [guessesPerNumber] account in
                LimitCharge(
                    .guessesPerNumber, guessesPerNumber, subject: "\(account.rawValue)\(isKnownPlace ? " known" : "")")
            }, reward: reward)
        return try await store.prove(proof, charging: charges, from: .home, at: now)
    }

    func proveEmail(
        _ code: String = "135791", of account: LoginIdentifier, in anchor: SignInAnchor? = nil, on store: SQLStore,
        at now: Timestamp = .noon
    ) async throws -> EmailProofOutcome {
        try await proveEmail(
            code, of: account, reward: .address(confirmedIn: anchor, completed: nil), on: store, at: now)
    }

    /// What a right e-mailed code of a forgotten password makes.
    func resetReward(to password: String, at now: Timestamp = .noon) throws -> EmailProofReward {
        .password(try Self.encoded(password)) {
            queued(
                .passwordResetDone, channel: .email, to: $0.text, saying: "done", at: now,
                until: now.adding(seconds: 60))
        }
    }

    /// A grant with one opaque token and a refresh token, both good for an hour.
    func newSignIn(
        _ token: String, _ kind: OpaqueToken.Kind = .kiiAccess, grant: String = Unique.name("grant"),
        at now: Timestamp = .noon
    ) -> NewSignIn {
        let end = now.adding(seconds: 3600)
        return NewSignIn(
            grant: GrantID(grant), client: client.id, tokens: [OpaqueToken(token, kind, expiresAt: end)],
            refreshToken: NewRefreshToken(digest: SHA256Digest(of: "refresh \(token)"), expiresAt: end))
    }

    func query(
        _ identifier: LoginIdentifier, acceptsClaims: Set<AddressKind> = Set(AddressKind.allCases),
        place: String = "home", limit: Limit? = nil
    ) -> PasswordQuery {
        PasswordQuery(
            identifier: identifier, acceptsClaims: acceptsClaims, origins: [SHA256Digest(of: place)],
            charges: { isKnown in
                [
                    LimitCharge(
                        .passwordPerIdentifier, limit,
                        subject: isKnown ? "\(identifier.countedAs) known" : identifier.countedAs)
                ].compactMap(\.self)
            })
    }

    func candidate(
        _ query: PasswordQuery, on store: SQLStore, at now: Timestamp = .noon
    ) async throws -> PasswordCandidateOutcome {
        try await store.passwordCandidate(query, from: .home, at: now)
    }

    /// What follows on a right password.
    func passed(
        _ candidate: PasswordCandidate, rehashed: String? = nil, refunds: [LimitCharge] = [], place: String = "home",
        signIn: NewSignIn? = nil, at now: Timestamp = .noon
    ) -> PasswordSignIn {
        PasswordSignIn(
            candidate: candidate, rehashed: rehashed, refunds: refunds, origins: [SHA256Digest(of: place)],
            originsUntil: now.adding(seconds: 86_400), signIn: signIn)
    }
}

extension PasswordCandidateOutcome {
    /// `nil` when nobody is called so, or the place is limited.
    var found: PasswordCandidate? {
        if case .candidate(let candidate) = self { candidate } else { nil }
    }

    var isLimited: Bool {
        if case .limited = self { true } else { false }
    }
}

extension NumberProofOutcome {
    var isLimited: Bool {
        if case .limited = self { true } else { false }
    }
}

extension RegistrationOutcome {
    var profile: AccountProfile? {
        if case .registered(let profile) = self { profile } else { nil }
    }

    var taken: AccountField? {
        if case .taken(let field) = self { field } else { nil }
    }
}

extension SQLStore {
    func bearer(
        _ token: String, _ kind: OpaqueToken.Kind = .kiiAccess, at now: Timestamp = .noon
    ) async throws -> OpaqueBearer? {
        try await bearer(SHA256Digest(of: token), kind, at: now)
    }

    /// Where a text stands, in whatever case and whichever column: `table.column`. The list of ids that are never
    /// given out again leads to nothing, and does not count.
    func places(of text: String) async throws -> [String] {
        let word = text.lowercased()
        let columns = try await engine is PostgresDatabase ? columnsOfPostgres(saying: word) : columns(saying: word)
        return try await engine.read { connection in
            var places: [String] = []
            for column in columns where column.table != "account_deleted" {
                let search = SQLStatement(
                    stringLiteral: "SELECT 1 FROM \"\(column.table)\" WHERE \(column.condition) LIMIT 1")
                if try await connection.first(search) != nil { places.append("\(column.table).\(column.name)") }
            }
            return places.sorted()
        }
    }

    /// Every column, and the condition that it says a word somewhere. Each engine has its own way of asking.
    private typealias SearchedColumn = (table: String, name: String, condition: String)

    private func columns(saying word: String) async throws -> [SearchedColumn] {
        try await engine.read { connection in
            try await connection.rows(
                """
                SELECT t.name, c.name FROM sqlite_master t JOIN pragma_table_info(t.name) c WHERE t.type = 'table'
                """
            ).map { row in
                let name = try row.text(1)
                return (try row.text(0), name, "instr(lower(CAST(\"\(name)\" AS TEXT)), '\(word)') > 0")
            }
        }
    }

    private func columnsOfPostgres(saying word: String) async throws -> [SearchedColumn] {
        try await engine.read { connection in
            try await connection.rows(
                """
                SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT), CAST(data_type AS TEXT)
                FROM information_schema.columns WHERE table_schema = 'public'
                """
            ).map { row in
                let name = try row.text(1)
                let text =
                    try row.text(2) == "bytea" ? "encode(\"\(name)\", 'escape')" : "CAST(\"\(name)\" AS TEXT)"
                return (try row.text(0), name, "strpos(lower(\(text)), '\(word)') > 0")
            }
        }
    }
}
