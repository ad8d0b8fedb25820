package import Accounts
package import Cryptography
package import Messaging
package import OAuth
package import RateLimiting
package import Time

/// What an account's number is proved for.
package enum AccountPurpose: Sendable, Equatable {
    /// To become the account's number, in the place of the one it has.
    ///
    /// - Parameter begunIn: the sign-in that asked for it, in which alone it can be finished; `nil` for a number
    ///   given at registration, when nobody was signed in.
    case number(begunIn: SignInAnchor?)
    /// The same text again: what it is bound to stays.
    case numberAgain
    case passwordReset

    package func name(for account: AccountID) -> String {
        switch self {
        case .number, .numberAgain: "number:\(account.rawValue)"
        case .passwordReset: "reset:\(account.rawValue)"
        }
    }

    var template: MessageTemplate {
        switch self {
        case .number, .numberAgain: .verificationCode
        case .passwordReset: .passwordReset
        }
    }
}

/// A code typed in for an account.
package struct NumberProof: Sendable {
    package let account: LoginIdentifier
    package let client: ClientID
    /// Kinds of addresses for which the client's word is enough.
    package let acceptsClaims: Set<AddressKind>
    /// Asked for from where the account signed in before: counts apart from what strangers ask for.
    package let isKnownPlace: Bool
    /// When the caller says which text it answers.
    package let operationID: String?
    package let code: String
    package let maxGuesses: Int
    package let codeSeal: CodeSeal
    package let budget: @Sendable (PhoneIdentity, _ device: String?) -> LimitCharge?
    package let confirmed: ConfirmedTraffic
    /// A number last proved before this time may belong to somebody else by now; `nil`: never.
    package let idleBefore: Timestamp?
    package let reward: NumberProofReward

    /// Which of a number's codes it answers.
    package var device: String? { isKnownPlace ? KnownDevice.knownPlace.id : nil }
}

package enum NumberProofReward: Sendable {
    /// The number becomes the account's.
    ///
    /// - Parameter confirmedIn: the sign-in that the code was typed in.
    case number(confirmedIn: SignInAnchor?, ending: SignInEnding, change: NumberChange)
    /// A new password, encoded. Everything that was signed in ends.
    case password(String, notice: NumberNotice)
}

/// A text that tells the holder of a number what happened; `nil` for a number that gets none.
package typealias NumberNotice = @Sendable (PhoneIdentity) -> QueuedMessage?

/// What a change of number leaves behind: the old number hears of it, and can undo it.
package struct NumberChange: Sendable {
    /// Of the link's token.
    package let undo: SHA256Digest
    package let undoableUntil: Timestamp
    package let notice: NumberNotice
    /// To the new number, when the client wants one.
    package let completed: NumberNotice?

    package init(
        undo: SHA256Digest, undoableUntil: Timestamp, notice: @escaping NumberNotice, completed: NumberNotice?
    ) {
        self.undo = undo
        self.undoableUntil = undoableUntil
        self.notice = notice
        self.completed = completed
    }
}

package enum NumberProofOutcome: Sendable, Equatable {
    case proven(AccountID)
    /// Somebody else proved it first. What the account had stays.
    case taken
    /// There is no such account, or nothing that it could prove.
    case nothingPending
    case wrong
    case exhausted
    /// No live code, or one that was begun elsewhere.
    case unknown
    case limited(LimitRefusal)
}
