package import RateLimiting

/// Every way a phone login is refused. `Web` knows each one's status and code; see docs/phone-login.md.
package enum PhoneLoginError: Error, Sendable {
    case parameterMissing
    case parameterMalformed
    case stateMissingOrShort
    case redirectNotRegistered
    case redirectMissing
    case linkNotRegistered
    case unknownClient
    case clientNotAllowed
    case notAPhoneNumber
    case numberCannotReceiveTexts
    case limited(LimitRefusal)
    case wrongCode
    case noGuessLeft
    /// Unknown, expired, finished, of another client or another number: one answer for all.
    case operationUnknown
    /// With what the app had asked for, if an app ran the login.
    case accountDisabled(AppLogin?)
    case messagesUnavailable(retryAfterSeconds: Int)
    case unavailable(any Error)
}
