package import Accounts
package import Cryptography
package import DeveloperLog
package import Messaging
package import OAuth
package import PhoneNumbers
package import RateLimiting
package import Time

/// Whom a number stands for: its holder, or a client's test account.
///
/// Operations are kept under it, so one that was started for a test number cannot open a real account, however
/// the registration changes before it is confirmed.
package struct PhoneIdentity: Sendable, Hashable {
    package let rawValue: String

    /// For rows read back from the store.
    package init(rawValue: String) { self.rawValue = rawValue }

    init(number: String, client: Client, at now: Timestamp) {
        let isTest = client.testNumber(number, at: now) != nil
        rawValue = isTest ? "test:\(client.id.rawValue):\(number)" : number
    }
}

/// A login about to be started.
///
/// The code is made before the store is asked and used only if the store finds no live one to repeat; so the
/// whole start is one transaction, message included.
package struct NewPhoneOperation: Sendable {
    package let id: String
    package let client: ClientID
    package let phone: PhoneNumber
    /// Whose account a right code opens.
    package let identity: PhoneIdentity
    /// Counts apart from strangers when the device is known.
    package let device: KnownDevice?
    package let state: String
    package let scope: Scope
    package let redirect: VerifiedRedirect
    package let codeChallenge: CodeChallenge?
    package let linkDigest: SHA256Digest?
    /// Used when there is no live challenge to join.
    package let challengeID: String
    package let code: OneTimeCode
    package let expiresAt: Timestamp
    package let maxGuesses: Int
    package let codeSeal: CodeSeal
    /// The text for whichever code it turns out to be; `nil` for a test number, which gets none.
    package let message: (@Sendable (OneTimeCode, _ expiresAt: Timestamp) -> QueuedMessage)?
}

package enum PhoneOperationStart: Sendable {
    case started(expiresAt: Timestamp)
    /// The live challenge has no guess left: a resend resets nothing.
    case exhausted(until: Timestamp)
    case limited(LimitRefusal)
}

/// A guess at an operation's code, with everything that a right one makes.
package struct PhoneGuess: Sendable {
    package let operationID: String
    package let client: ClientID
    /// As the caller wrote it.
    package let number: String
    /// Whether that number stands for the identity that the operation was started for.
    package let isFor: @Sendable (PhoneIdentity) -> Bool
    package let code: String
    package let maxGuesses: Int
    package let codeSeal: CodeSeal
    /// The budget that the operation's number, or its known device, has over all operations.
    package let budget: @Sendable (PhoneIdentity, _ device: String?) -> LimitCharge?
    package let newAccount: AccountID
    package let grant: GrantID
    package let authorizationCode: SHA256Digest
    package let authorizationCodeExpiresAt: Timestamp
}

package enum PhoneGuessOutcome: Sendable, Equatable {
    case passed(PassedOperation)
    case wrong
    case exhausted
    case unknown
    case accountDisabled
    case limited(LimitRefusal)
}

/// What the finished operation remembered of its request.
package struct PassedOperation: Sendable, Equatable {
    package let account: AccountID
    package let identity: PhoneIdentity
    package let state: String
    package let redirectURI: String

    package init(account: AccountID, identity: PhoneIdentity, state: String, redirectURI: String) {
        self.account = account
        self.identity = identity
        self.state = state
        self.redirectURI = redirectURI
    }
}

/// The acts of a phone login; each is one transaction, and writes its own line of the developer log.
package protocol PhoneLoginStore: Sendable {
    /// Opens an operation and queues its text. Joins the live challenge of this number, client and device if
    /// there is one: same code unless somebody guessed wrong, same expiry, same guesses.
    func start(
        _ operation: NewPhoneOperation, charging charges: [LimitCharge], from origin: RequestOrigin,
        at now: Timestamp
    ) async throws -> PhoneOperationStart

    /// Counts the guess first and compares then. At most `maxGuesses` comparisons are ever made for one
    /// challenge, over any number of processes, and at most one of them passes.
    func guess(
        _ guess: PhoneGuess, charging charges: [LimitCharge], from origin: RequestOrigin, at now: Timestamp
    ) async throws -> PhoneGuessOutcome
}
