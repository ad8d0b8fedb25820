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

    /// The number as people know it; of a test account its test number.
    package var number: String { rawValue.split(separator: ":").last.map(String.init) ?? rawValue }

    /// The client whose test number this is. Its id may hold colons; a number does not.
    package var testClient: String? {
        guard rawValue.hasPrefix("test:"), let colon = rawValue.lastIndex(of: ":") else { return nil }
        return String(rawValue[rawValue.index(rawValue.startIndex, offsetBy: 5)..<colon])
    }

    package init(number: String, client: Client, at now: Timestamp) {
        let isTest = client.testNumber(number, at: now) != nil
        rawValue = isTest ? "test:\(client.id.rawValue):\(number)" : number
    }
}

/// What a login is for. A code opens only what it was texted for.
package enum PhoneLoginPurpose: Sendable {
    /// An app runs the login itself and gets an authorization code.
    case authorizationCode(AuthorizationCodeBinding)
    /// A browser signs in at this server's own pages and gets a session.
    case session(BrowserBinding)
    /// An account that exists shows that the number is its own.
    case account(AccountID, AccountPurpose)

    package static let codeName = "code"

    package var name: String {
        switch self {
        case .authorizationCode: Self.codeName
        case .session: "session"
        case .account(let id, let purpose): purpose.name(for: id)
        }
    }
}

/// The authorization request that an app's login answers.
package struct AuthorizationCodeBinding: Sendable {
    package let state: String
    package let scope: Scope
    package var resources = Resources.none
    /// `nil`: the answer goes to the app itself, which named no other place.
    package let redirect: VerifiedRedirect?
    package let codeChallenge: CodeChallenge?
    package var nonce: String?
    /// Of the key that the login and its code are bound to (RFC 9449 §10).
    package var keyThumbprint: String?
}

/// The browser that a login was begun in: no other can finish it.
package struct BrowserBinding: Sendable {
    /// Of the browser's own cookie.
    package let browser: SHA256Digest
    /// The authorization request to go on with, for whoever comes back by the link in the text. Sealed: it may
    /// hold an ID token.
    package let continuation: [UInt8]?
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
    package let purpose: PhoneLoginPurpose
    package let linkDigest: SHA256Digest?
    /// What asks, in words for whoever opens the link; `nil` when nothing is known of it.
    package let askingDevice: String?
    package let startedAt: Timestamp
    /// Used when there is no live challenge to join.
    package let challengeID: String
    package let code: OneTimeCode
    package let expiresAt: Timestamp
    package let maxGuesses: Int
    package let codeSeal: CodeSeal
    /// The text for whichever code it turns out to be; `nil` for a test number, which gets none.
    package let message: (@Sendable (OneTimeCode, _ expiresAt: Timestamp) -> QueuedMessage)?
    /// `nil` when the guard has nothing to say.
    package let guardCharges: GuardCharges?
}

package enum PhoneOperationStart: Sendable {
    case started(expiresAt: Timestamp)
    /// The live challenge has no guess left: a resend resets nothing.
    case exhausted(until: Timestamp)
    case limited(LimitRefusal)
    /// Nobody there confirms what they are sent.
    case blocked
    /// The texting budget is used up.
    case overBudget(until: Timestamp)
}

/// What a right code makes.
package enum PhoneLoginReward: Sendable {
    case authorizationCode(SHA256Digest, grant: GrantID, expiresAt: Timestamp)
    /// Only for the browser that began.
    case session(NewSession, browser: SHA256Digest)
}

/// How somebody shows that the text reached them.
package enum PhoneLoginProof: Sendable {
    /// What they typed. Once the link in the text was approved, `approval` is as good as the code.
    case code(String, approval: String?)
    /// The approval itself, for the browser that began.
    case approvedLink
}

/// A guess at an operation's code, with everything that a right one makes.
package struct PhoneGuess: Sendable {
    package let operationID: String
    package let client: ClientID
    /// As the caller wrote it; `nil`: the operation knows it.
    package let number: String?
    /// Whether that number stands for the identity that the operation was started for.
    package let isFor: @Sendable (PhoneIdentity) -> Bool
    package let proof: PhoneLoginProof
    /// Of the key whose proof came with the guess.
    package var keyThumbprint: String?
    package let maxGuesses: Int
    package let codeSeal: CodeSeal
    /// The budget that the operation's number, or its known device, has over all operations.
    package let budget: @Sendable (PhoneIdentity, _ device: String?) -> LimitCharge?
    package let confirmed: ConfirmedTraffic
    package let newAccount: AccountID
    /// A number last proved before this time may belong to somebody else by now; `nil`: never.
    package let idleBefore: Timestamp?
    package let reward: PhoneLoginReward
}

package enum PhoneGuessOutcome: Sendable, Equatable {
    case passed(PassedOperation)
    case wrong
    case exhausted
    case unknown
    /// With what the app had asked for, if an app ran the login.
    case accountDisabled(AppLogin?)
    case limited(LimitRefusal)
}

/// A finished operation.
package struct PassedOperation: Sendable, Equatable {
    package let account: AccountID
    package let identity: PhoneIdentity
    package let continuation: Continuation

    /// What the operation remembered of its request.
    package enum Continuation: Sendable, Equatable {
        case redirect(uri: String, state: String)
        /// Sealed; `nil` when no link was texted: the page that took the code knows where to go on.
        case session(request: [UInt8]?)
    }

    package init(account: AccountID, identity: PhoneIdentity, continuation: Continuation) {
        self.account = account
        self.identity = identity
        self.continuation = continuation
    }
}

/// The acts of a phone login; each is one transaction, and writes its own line of the developer log.
package protocol PhoneLoginStore: Sendable {
    /// Opens an operation and queues its text. Joins the live challenge of this number, client, device and purpose
    /// if there is one: same code unless somebody guessed wrong, same expiry, same guesses.
    func start(
        _ operation: NewPhoneOperation, charging charges: [LimitCharge], from origin: RequestOrigin,
        at now: Timestamp
    ) async throws -> PhoneOperationStart

    /// Counts the guess first and compares then. At most `maxGuesses` comparisons are ever made for one
    /// challenge, over any number of processes, and at most one of them passes.
    func guess(
        _ guess: PhoneGuess, charging charges: [LimitCharge], from origin: RequestOrigin, at now: Timestamp
    ) async throws -> PhoneGuessOutcome

    /// A login under way of this client's; `nil` when it is over, or has no guess left. Changes nothing.
    func appLogin(_ id: String, of client: ClientID, maxGuesses: Int, at now: Timestamp) async throws -> AppLogin?

    /// Takes the code that an account was texted: a guess like any other, and what the right one is for.
    func prove(
        _ proof: NumberProof, charging charges: [LimitCharge], from origin: RequestOrigin, at now: Timestamp
    ) async throws -> NumberProofOutcome

    /// What became of an operation's text; `nil` when the operation is unknown, finished or another client's.
    func textState(
        of id: String, client: ClientID, charging charges: [LimitCharge], at now: Timestamp
    ) async throws -> TextStateOutcome

    /// What the link in a text is about; changes nothing. `nil` when it is over.
    func linkedOperation(_ id: String, link: SHA256Digest, at now: Timestamp) async throws -> LinkedOperation?

    /// Takes the person's answer to a link. The first answer counts; the same one again changes nothing.
    func decide(
        _ decision: LinkDecision, charging charges: [LimitCharge], from origin: RequestOrigin, at now: Timestamp
    ) async throws -> LinkOutcome

    /// What became of an operation's link, for whoever began the operation.
    func linkState(
        of id: String, askedBy holder: LinkHolder, charging charges: [LimitCharge], at now: Timestamp
    ) async throws -> LinkState

    /// What became of each operation's link, for the process that waits on behalf of those who began them.
    func linkAnswers(of ids: [String]) async throws -> [String: LinkState]
}
