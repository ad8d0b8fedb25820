package import Accounts
package import Cryptography
package import DeveloperLog
import Messaging
package import OAuth
package import PhoneLogin
package import RateLimiting
package import Time

/// The acts of account management; each is one transaction, and writes its own line of the developer log.
package protocol AccountManagementStore: Sendable {
    // MARK: Accounts

    /// Names and addresses are decided by the database: of two that race for one, one gets it.
    func register(
        _ account: NewAccount, signIn: NewSignIn?, from origin: RequestOrigin, at now: Timestamp
    ) async throws -> RegistrationOutcome

    func profile(_ account: LoginIdentifier) async throws -> AccountProfile?

    /// Whether the account was registered at a client, or signed in there.
    func isUser(_ account: AccountID, of client: ClientID) async throws -> Bool

    /// All of them, or those of these names.
    func properties(of account: AccountID, named names: [String]?) async throws -> [AccountProperty]

    func update(
        _ account: AccountID, _ update: AccountUpdate, from origin: RequestOrigin, at now: Timestamp
    ) async throws -> UpdateOutcome

    /// Nothing of the account remains but lines of the developer log, under a name that leads nowhere. False when it
    /// was gone.
    func delete(
        _ account: AccountID, pseudonym: String, from origin: RequestOrigin, at now: Timestamp
    ) async throws -> Bool

    func setDisabled(
        _ isDisabled: Bool, _ account: AccountID, from origin: RequestOrigin, at now: Timestamp
    ) async throws

    /// Counts a request that changes nothing else; `nil` when it is within all limits.
    func charge(_ charges: [LimitCharge], at now: Timestamp) async throws -> LimitRefusal?

    // MARK: Passwords

    /// Counts the guess first; what it is compared with comes after.
    func passwordCandidate(
        _ query: PasswordQuery, from origin: RequestOrigin, at now: Timestamp
    ) async throws -> PasswordCandidateOutcome

    /// Makes the grant if the account still has the password that was checked and is enabled.
    func signIn(
        _ signIn: PasswordSignIn, from origin: RequestOrigin, at now: Timestamp
    ) async throws -> Bool

    /// Whether the account signed in there before.
    func isKnown(_ origin: SHA256Digest, at now: Timestamp) async throws -> Bool

    /// `nil` when the account is gone.
    func password(of account: AccountID) async throws -> StoredAccountPassword?

    /// False when the password is not the expected one any more.
    func changePassword(
        of account: AccountID, from expected: String?, to encoded: String, ending: SignInEnding,
        from origin: RequestOrigin, at now: Timestamp
    ) async throws -> Bool

    /// Mails a token by which the account gets a new password. Of an account that there is not, nothing happens.
    func requestReset(
        _ request: ResetRequest, charging charges: [LimitCharge], from origin: RequestOrigin, at now: Timestamp
    ) async throws -> LimitRefusal?

    /// Spends a token: of all that race with it, one sets a password.
    func reset(
        _ reset: PasswordReset, from origin: RequestOrigin, at now: Timestamp
    ) async throws -> ResetOutcome

    // MARK: Opaque tokens

    func bearer(_ token: SHA256Digest, _ kind: OpaqueToken.Kind, at now: Timestamp) async throws -> OpaqueBearer?

    /// One more token for a grant that lives. False when it does not.
    func add(_ token: OpaqueToken, to grant: GrantID) async throws -> Bool

    /// Spends one token and makes others in its place.
    func exchange(
        _ token: SHA256Digest, _ kind: OpaqueToken.Kind, of client: ClientID, for tokens: [OpaqueToken],
        from origin: RequestOrigin, at now: Timestamp
    ) async throws -> OpaqueBearer?

    func end(_ grant: GrantID, at now: Timestamp) async throws

    // MARK: Numbers and e-mail addresses

    /// The number waiting to be proved, with the client that asked for it.
    func pendingNumber(of account: LoginIdentifier, client: ClientID) async throws -> PendingNumber?

    /// Takes a number on an app's word.
    func replaceNumber(
        of account: AccountID, with number: String, leaving change: NumberChange, from origin: RequestOrigin,
        at now: Timestamp
    ) async throws -> Bool

    func removeNumber(
        of account: AccountID, leaving change: NumberChange, from origin: RequestOrigin, at now: Timestamp
    ) async throws
    func removeEmail(of account: AccountID, from origin: RequestOrigin, at now: Timestamp) async throws

    /// What a link in a text would undo; changes nothing.
    func numberChange(_ undo: SHA256Digest, at now: Timestamp) async throws -> UndoableChange?
    func undoNumberChange(
        _ undo: SHA256Digest, from origin: RequestOrigin, at now: Timestamp
    ) async throws -> UndoOutcome

    /// Makes a code for an e-mail address and queues its message.
    func start(
        _ proof: NewEmailProof, charging charges: [LimitCharge], from origin: RequestOrigin, at now: Timestamp
    ) async throws -> EmailProofStart

    func prove(
        _ proof: EmailProof, charging charges: [LimitCharge], from origin: RequestOrigin, at now: Timestamp
    ) async throws -> EmailProofOutcome

    // MARK: Self-service

    func sessions(of account: AccountID, at now: Timestamp) async throws -> [SessionSummary]
    func apps(of account: AccountID, at now: Timestamp) async throws -> [AppAccess]
    func revokeApp(_ client: ClientID, of account: AccountID, from origin: RequestOrigin, at now: Timestamp)
        async throws
    func endSession(_ session: SessionID, of account: AccountID, at now: Timestamp) async throws
    func endOthers(_ anchor: SignInAnchor, of account: AccountID, at now: Timestamp) async throws
    /// The account that had this one's number before.
    func parked(before account: AccountID) async throws -> ParkedAccount?
    /// Gives the number back to the parked account, and the browser's session with it.
    func reclaim(
        _ parked: AccountID, for account: AccountID, session: SHA256Digest, from origin: RequestOrigin,
        at now: Timestamp
    ) async throws -> Bool
}
