package import Accounts
package import Cryptography
package import Messaging
package import OAuth
package import PhoneLogin
package import RateLimiting
package import Time

// MARK: - Accounts

/// An address given by whoever registers or changes an account.
package struct GivenAddress: Sendable {
    /// E.164 or a folded e-mail address: what is compared.
    package let key: String
    package let text: String
    /// It waits until it is proved; otherwise it is used at once.
    package let isToBeProved: Bool

    package init(key: String, text: String, isToBeProved: Bool) {
        self.key = key
        self.text = text
        self.isToBeProved = isToBeProved
    }
}

package struct NewAccount: Sendable {
    package let id: AccountID
    package let client: ClientID
    package let loginName: (text: String, key: FoldedText)?
    package let number: GivenAddress?
    package let email: GivenAddress?
    /// Encoded.
    package let password: String?
    package let displayName: String?
    package let country: String?
    package let locale: String?
    package let properties: [AccountProperty]
}

package enum RegistrationOutcome: Sendable {
    case registered(AccountProfile)
    case taken(AccountField)
}

/// Changes to an account; `nil` leaves a field as it is.
package struct AccountUpdate: Sendable {
    package var loginName: (text: String, key: FoldedText)?
    package var displayName: String?
    package var country: String?
    package var locale: String?
    /// On the app's word; one to be proved goes by `NewEmailProof`.
    package var email: GivenAddress?
    package var properties: [AccountProperty] = []
    /// Names of properties that go.
    package var removedProperties: [String] = []

    package init() {}
}

package enum UpdateOutcome: Sendable {
    case updated(AccountProfile)
    case taken(AccountField)
    /// The properties would take more room than there is.
    case tooLarge
    case gone
}

// MARK: - Passwords

/// A name and the place somebody types it in.
package struct PasswordQuery: Sendable {
    package let identifier: LoginIdentifier
    /// Kinds of addresses for which an app's word is enough.
    package let acceptsClaims: Set<AddressKind>
    /// Digests of name and place, address and device: one that signed in before counts apart from strangers.
    package let origins: [SHA256Digest]
    package let charges: @Sendable (_ isKnown: Bool) -> [LimitCharge]
}

/// What a typed password is compared with.
package struct PasswordCandidate: Sendable {
    package let account: AccountID
    package let password: StoredPassword?
    package let isDisabled: Bool
    package let isKnownOrigin: Bool

    package init(account: AccountID, password: StoredPassword?, isDisabled: Bool, isKnownOrigin: Bool) {
        self.account = account
        self.password = password
        self.isDisabled = isDisabled
        self.isKnownOrigin = isKnownOrigin
    }
}

package enum PasswordCandidateOutcome: Sendable {
    /// `nil`: nobody is called so.
    case candidate(PasswordCandidate?)
    case limited(LimitRefusal)
}

package struct PasswordSignIn: Sendable {
    package let candidate: PasswordCandidate
    package let rehashed: String?
    /// Given back: a right password is no guess.
    package let refunds: [LimitCharge]
    /// Remembered until then.
    package let origins: [SHA256Digest]
    package let originsUntil: Timestamp
    package let signIn: NewSignIn?
}

package struct StoredAccountPassword: Sendable {
    /// Encoded; `nil` when there is none.
    package let encoded: String?
    package let names: [String]

    package init(encoded: String?, names: [String]) {
        self.encoded = encoded
        self.names = names
    }
}

package struct ResetRequest: Sendable {
    package let account: LoginIdentifier
    /// Where the token goes, from what the account says of itself; `nil`: nowhere.
    package let recipient: @Sendable (AccountProfile, [AccountProperty]) -> EmailAddress?
    /// Names of the properties that `recipient` wants to see.
    package let properties: [String]
    package let digest: SHA256Digest
    package let expiresAt: Timestamp
    package let message: @Sendable (EmailAddress) -> QueuedMessage
}

package struct PasswordReset: Sendable {
    package let digest: SHA256Digest
    /// The account that the caller names: a token opens no other.
    package let account: LoginIdentifier
    package let password: String
    package let signIn: NewSignIn?
}

package enum ResetOutcome: Sendable {
    case reset(AccountProfile)
    case unknown
}

// MARK: - Tokens

/// A token without a meaning of its own: what it is for is a row.
package struct OpaqueToken: Sendable {
    package enum Kind: String, Sendable {
        case kiiAccess = "kii"
        case monacaSession = "monaca"
        case monacaLogin = "monaca_login"
    }

    package let digest: SHA256Digest
    package let kind: Kind
    package let expiresAt: Timestamp

    package init(_ token: String, _ kind: Kind, expiresAt: Timestamp) {
        digest = SHA256Digest(of: token)
        self.kind = kind
        self.expiresAt = expiresAt
    }
}

/// A sign-in about to be: its grant, and what hangs from it.
package struct NewSignIn: Sendable {
    package let grant: GrantID
    package let client: ClientID
    package let tokens: [OpaqueToken]
    package let refreshToken: NewRefreshToken?

    package init(grant: GrantID, client: ClientID, tokens: [OpaqueToken], refreshToken: NewRefreshToken? = nil) {
        self.grant = grant
        self.client = client
        self.tokens = tokens
        self.refreshToken = refreshToken
    }

    /// The grant is kept as long as anything that hangs from it.
    package var expiresAt: Timestamp {
        tokens.map(\.expiresAt).reduce(refreshToken?.expiresAt ?? Timestamp(milliseconds: 0), max)
    }
}

/// Whom an opaque token speaks for.
package struct OpaqueBearer: Sendable, Equatable {
    package let account: AccountID
    package let grant: GrantID
    package let client: ClientID

    package init(account: AccountID, grant: GrantID, client: ClientID) {
        self.account = account
        self.grant = grant
        self.client = client
    }
}

// MARK: - Addresses

package struct PendingNumber: Sendable, Equatable {
    package let account: AccountID
    /// E.164, or a test number's identity.
    package let identity: PhoneIdentity

    package init(account: AccountID, identity: PhoneIdentity) {
        self.account = account
        self.identity = identity
    }
}

package struct UndoableChange: Sendable, Equatable {
    package let oldNumber: PhoneIdentity
    package let newNumber: PhoneIdentity

    package init(oldNumber: PhoneIdentity, newNumber: PhoneIdentity) {
        self.oldNumber = oldNumber
        self.newNumber = newNumber
    }
}

package enum UndoOutcome: Sendable, Equatable {
    case undone
    case gone
    /// Somebody else proved the old number meanwhile.
    case taken
}

/// What an e-mailed code is for.
package enum EmailPurpose: Sendable, Equatable {
    /// The address becomes the account's.
    case address(begunIn: SignInAnchor?)
    case addressAgain
    case passwordReset
    /// A parked account opens again.
    case reclaim

    package var name: String {
        switch self {
        case .address, .addressAgain: "address"
        case .passwordReset: "reset"
        case .reclaim: "reclaim"
        }
    }
}

package struct NewEmailProof: Sendable {
    package let account: LoginIdentifier
    package let client: ClientID
    /// Kinds of addresses for which the client's word is enough.
    package let acceptsClaims: Set<AddressKind>
    package let purpose: EmailPurpose
    /// The address to prove; `nil`: the one that the account has, or that waits.
    package let address: EmailAddress?
    /// Only if it is this one; `nil`: whatever the account has.
    package let mustBe: FoldedText?
    /// Asked for from where the account signed in before: counts apart from what strangers ask for.
    package let isKnownPlace: Bool
    /// Used when there is no live code to repeat.
    package let id: String
    package let code: OneTimeCode
    package let expiresAt: Timestamp
    package let maxGuesses: Int
    package let codeSeal: CodeSeal
    /// The message for whichever code it turns out to be.
    package let message: @Sendable (OneTimeCode, _ expiresAt: Timestamp, EmailAddress) -> QueuedMessage
}

package enum EmailProofStart: Sendable, Equatable {
    case started
    /// The live code has no guess left: asking again resets nothing.
    case exhausted(until: Timestamp)
    /// No such account, or nothing to send it to.
    case nothing
    case limited(LimitRefusal)
}

package struct EmailProof: Sendable {
    package let account: LoginIdentifier
    package let client: ClientID
    /// Kinds of addresses for which the client's word is enough.
    package let acceptsClaims: Set<AddressKind>
    package let isKnownPlace: Bool
    package let code: String
    package let maxGuesses: Int
    package let codeSeal: CodeSeal
    /// Wrong guesses at one account, over all its codes.
    package let budget: @Sendable (AccountID) -> LimitCharge?
    package let reward: EmailProofReward
}

package enum EmailProofReward: Sendable {
    case address(confirmedIn: SignInAnchor?, completed: (@Sendable (EmailAddress) -> QueuedMessage)?)
    case password(String, notice: @Sendable (EmailAddress) -> QueuedMessage)
    /// For the account that has the parked one's number now.
    case reclaim(by: AccountID, session: SHA256Digest)
}

package typealias EmailProofOutcome = NumberProofOutcome

// MARK: - Self-service

package struct SessionSummary: Sendable, Equatable {
    package let id: SessionID
    package let device: String?
    package let authenticatedAt: Timestamp

    package init(id: SessionID, device: String?, authenticatedAt: Timestamp) {
        self.id = id
        self.device = device
        self.authenticatedAt = authenticatedAt
    }
}

/// An app that holds tokens of an account, or that its holder agreed to.
package struct AppAccess: Sendable, Equatable {
    package let client: ClientID
    package let scope: Scope
    package let since: Timestamp

    package init(client: ClientID, scope: Scope, since: Timestamp) {
        self.client = client
        self.scope = scope
        self.since = since
    }
}

package struct ParkedAccount: Sendable, Equatable {
    package let id: AccountID
    package let number: PhoneIdentity
    package let parkedAt: Timestamp

    package init(id: AccountID, number: PhoneIdentity, parkedAt: Timestamp) {
        self.id = id
        self.number = number
        self.parkedAt = parkedAt
    }
}
