public import Foundation

/// What keeps a call from its result.
///
/// ```swift
/// do {
///     try await denwa.confirm(code, for: pending)
/// } catch {
///     switch error.reason {
///     case .wrongCode: message = "That is not the code. Try again."
///     case .tooManyRequests: message = "Try again in \(error.retryAfter ?? .seconds(60))."
///     default: message = "Something went wrong."
///     }
/// }
/// ```
public struct DenwaError: Error, Sendable {
    /// Why, as an app tells cases apart. There may be more of them one day: let a `switch` have a `default`.
    public struct Reason: RawRepresentable, Sendable, Hashable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }
    }

    public let reason: Reason
    /// The server's word: `003-039` and the like from the phone flow, `invalid_grant` and the like from OAuth.
    public let code: String?
    /// What went wrong, in English: for you, not for the person.
    public let message: String
    /// The HTTP status, when the server answered.
    public let status: Int?
    /// When to come back, where the server says so.
    public let retryAfter: Duration?
    /// The way on in a browser, when ``reason-swift.property`` is ``Reason-swift.struct/browserNeeded``.
    public let browserSignIn: BrowserSignIn?
    /// What the system said, when the failure is not the server's.
    public let underlying: (any Error)?

    init(
        _ reason: Reason, _ message: String, code: String? = nil, status: Int? = nil, retryAfter: Duration? = nil,
        browserSignIn: BrowserSignIn? = nil, underlying: (any Error)? = nil
    ) {
        self.reason = reason
        self.code = code
        self.message = message
        self.status = status
        self.retryAfter = retryAfter
        self.browserSignIn = browserSignIn
        self.underlying = underlying
    }
}

extension DenwaError.Reason {
    /// Not a phone number.
    public static let notAPhoneNumber = Self(rawValue: "notAPhoneNumber")
    /// The number gets no texts: a fixed line, or a country that the server does not text.
    public static let numberGetsNoTexts = Self(rawValue: "numberGetsNoTexts")
    /// The code is wrong. Another try may be right.
    public static let wrongCode = Self(rawValue: "wrongCode")
    /// This sign-in is over: expired, finished, or guessed at too often. Ask for another code.
    public static let signInOver = Self(rawValue: "signInOver")
    /// The person goes on at the server's own pages; see ``DenwaError/browserSignIn``.
    public static let browserNeeded = Self(rawValue: "browserNeeded")
    /// The person said no, or may not come in.
    public static let denied = Self(rawValue: "denied")
    /// The account is disabled.
    public static let userDisabled = Self(rawValue: "userDisabled")
    /// Too often. ``DenwaError/retryAfter`` says when to come back.
    public static let tooManyRequests = Self(rawValue: "tooManyRequests")
    /// The server, or all that could text, is out of order for now.
    public static let unavailable = Self(rawValue: "unavailable")
    /// Nobody is signed in, or the login has ended: show the sign-in.
    public static let signInRequired = Self(rawValue: "signInRequired")
    /// No answer: no network, or no server.
    public static let unreachable = Self(rawValue: "unreachable")
    /// The task was cancelled.
    public static let cancelled = Self(rawValue: "cancelled")
    /// The configuration, or the client's registration, does not fit what was asked.
    public static let misconfigured = Self(rawValue: "misconfigured")
    /// The answer is not one of this server, or not for this sign-in. Nobody was signed in.
    public static let wrongAnswer = Self(rawValue: "wrongAnswer")
    /// The place for secrets could not be read or written, or the device's key not be used.
    public static let storage = Self(rawValue: "storage")
    /// Any other refusal; see ``DenwaError/code``.
    public static let refused = Self(rawValue: "refused")
}

extension DenwaError: LocalizedError, CustomStringConvertible {
    public var errorDescription: String? { message }

    public var description: String {
        [reason.rawValue, code, message].compactMap { $0 }.joined(separator: ": ")
    }
}
