package import RateLimiting

/// Every way an act on an account is refused. The wire formats know each one's shape.
package enum AccountError: Error, Sendable {
    /// A field of the request is not what it must be.
    case invalid(AccountField, Reason)
    /// Somebody else has it.
    case taken(AccountField)
    /// No such account, a wrong password, a disabled account, an address that is not proved: one answer for all.
    case signInFailed
    /// The signed-in holder typed the old password wrong.
    case wrongPassword
    /// The account is gone, or is not the caller's.
    case unknownAccount
    /// There is nothing that waits to be proved.
    case nothingPending
    /// Wrong, expired, used up, of another sign-in, or of an address that somebody else proved meanwhile.
    case codeRefused(CodeRefusal)
    case numberCannotReceiveTexts
    case limited(LimitRefusal)
    /// Too many passwords are being checked.
    case busy(retryAfterSeconds: Int)
    case messagesUnavailable(retryAfterSeconds: Int)
    case unavailable(any Error)

    package enum CodeRefusal: Sendable, Equatable { case wrong, exhausted, unknown, taken }

    package enum Reason: Sendable, Equatable {
        case invalid, tooShort, tooLong, tooLarge, common
    }
}

package enum AccountField: Sendable, Equatable {
    case loginName, email, number, password, displayName, country, locale
    case property(String)
}
