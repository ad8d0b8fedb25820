package import Accounts
import Cryptography
package import DeveloperLog
package import OAuth
import PhoneLogin
import RateLimiting
package import Time

extension AccountFlow {
    package func profile(_ account: LoginIdentifier) async throws(AccountError) -> AccountProfile? {
        try await act { try await store.profile(account) }
    }

    /// Whether an app's owner may look at an account: it was registered there, or signed in there.
    package func isUser(_ account: AccountID, of client: Client) async throws(AccountError) -> Bool {
        try await act { try await store.isUser(account, of: client.id) }
    }

    package func properties(
        of account: AccountID, named names: [String]? = nil
    ) async throws(AccountError) -> [AccountProperty] {
        try await act { try await store.properties(of: account, named: names) }
    }

    /// Changes names, places and properties. Of two accounts that take one name, one gets it.
    package func update(
        _ account: AccountID, _ update: AccountUpdate, from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) -> AccountProfile {
        try check(displayName: update.displayName, country: update.country, locale: update.locale)
        try check(update.properties)
        switch try await act({ try await store.update(account, update, from: origin, at: now) }) {
        case .updated(let profile): return profile
        case .taken(let field): throw .taken(field)
        case .tooLarge: throw .invalid(.property(update.properties.last?.name ?? ""), .tooLarge)
        case .gone: throw .unknownAccount
        }
    }

    /// Nothing of the account remains, and its number and names are free for somebody else, who gets another id.
    package func delete(
        _ account: AccountID, from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) {
        let pseudonym = "deleted-\(entropy.identifier())"
        let isGone = try await act {
            try await store.delete(account, pseudonym: pseudonym, from: origin, at: now)
        }
        guard isGone else { throw .unknownAccount }
    }

    /// Keeps somebody out, or lets them in again: every token and session ends either way.
    package func setDisabled(
        _ isDisabled: Bool, _ account: AccountID, from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) {
        try await act { try await store.setDisabled(isDisabled, account, from: origin, at: now) }
    }

    // MARK: - Tokens

    package func bearer(
        _ token: String, _ kind: OpaqueToken.Kind, at now: Timestamp
    ) async throws(AccountError) -> OpaqueBearer? {
        guard token.utf8.count <= 256 else { return nil }
        return try await act { try await store.bearer(SHA256Digest(of: token), kind, at: now) }
    }

    package func add(_ token: OpaqueToken, to grant: GrantID) async throws(AccountError) -> Bool {
        try await act { try await store.add(token, to: grant) }
    }

    package func exchange(
        _ token: String, _ kind: OpaqueToken.Kind, of client: Client, for tokens: [OpaqueToken],
        from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) -> OpaqueBearer? {
        try await act {
            try await store.exchange(
                SHA256Digest(of: token), kind, of: client.id, for: tokens, from: origin, at: now)
        }
    }

    package func end(_ grant: GrantID, at now: Timestamp) async throws(AccountError) {
        try await act { try await store.end(grant, at: now) }
    }

    // MARK: - The account page

    package func sessions(of account: AccountID, at now: Timestamp) async throws(AccountError) -> [SessionSummary] {
        try await act { try await store.sessions(of: account, at: now) }
    }

    package func apps(of account: AccountID, at now: Timestamp) async throws(AccountError) -> [AppAccess] {
        try await act { try await store.apps(of: account, at: now) }
    }

    package func revokeApp(
        _ client: ClientID, of account: AccountID, from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) {
        try await act { try await store.revokeApp(client, of: account, from: origin, at: now) }
    }

    package func endSession(
        _ session: SessionID, of account: AccountID, at now: Timestamp
    ) async throws(AccountError) {
        try await act { try await store.endSession(session, of: account, at: now) }
    }

    package func endOthers(
        _ anchor: SignInAnchor, of account: AccountID, at now: Timestamp
    ) async throws(AccountError) {
        try await act { try await store.endOthers(anchor, of: account, at: now) }
    }

    package func parked(before account: AccountID) async throws(AccountError) -> ParkedAccount? {
        try await act { try await store.parked(before: account) }
    }

    /// Gives the number back to the account that had it, for whoever knows that account's name and password. Any other
    /// account's name and password are refused like wrong ones.
    package func reclaim(
        by attempt: PasswordAttempt, for account: AccountID, session: String, client: Client,
        from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) {
        let found = try await signIn(attempt, client: client, signIn: nil, from: origin, at: now)
        guard let parked = try await parked(before: account), parked.id == found else { throw .signInFailed }
        let isBack = try await act {
            try await store.reclaim(
                found, for: account, session: SHA256Digest(of: session), from: origin, at: now)
        }
        guard isBack else { throw .signInFailed }
    }

    /// E-mails a code to the parked account, if that is its address.
    package func sendReclaimCode(
        to address: EmailAddress, for account: AccountID, client: Client, locales: [String],
        from origin: RequestOrigin, at now: Timestamp
    ) async throws(AccountError) {
        try await quietly(asking: .email(address.key), for: "reclaim", from: origin, at: now) {
            () throws(AccountError) in
            guard let parked = try await parked(before: account),
                let profile = try await profile(.id(parked.id)), profile.email?.isProven == true
            else { return }
            try await sendCode(
                to: .id(parked.id), address: nil, purpose: .reclaim, mustBe: address.key,
                isAddressCounted: true, client: client,
                locales: locales, from: origin, at: now)
        }
    }

    /// Takes the code that a parked account was e-mailed. Whatever is wrong is one answer: it must not tell whether a code
    /// was sent at all.
    package func reclaim(
        code: String, for account: AccountID, session: String, client: Client, from origin: RequestOrigin,
        at now: Timestamp
    ) async throws(AccountError) {
        try await evenly { () throws(AccountError) in
            guard let old = try await parked(before: account) else { throw .codeRefused(.wrong) }
            let outcome: EmailProofOutcome = try await proveEmail(
                of: .id(old.id), client: client, code: code,
                reward: .reclaim(by: account, session: SHA256Digest(of: session)), from: origin, at: now)
            switch outcome {
            case .proven: return
            case .limited(let refusal) where refusal.name == .confirmPerIP: throw .limited(refusal)
            default: throw .codeRefused(.wrong)
            }
        }
    }
}
