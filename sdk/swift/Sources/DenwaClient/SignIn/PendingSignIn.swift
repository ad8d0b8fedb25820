public import Foundation

/// How number and code travel.
public enum SignInFlow: String, Sendable, Hashable, Codable {
    /// Denwa's phone login: for every client that may use it.
    case phoneLogin
    /// OAuth 2.0 for First-Party Applications: for clients registered as `first_party`. The code is bound to this
    /// device from the first step on, and the server can send the person to its own pages.
    case challenge
}

/// A sign-in that waits for its code.
///
/// It can be written down, so that it survives the app being ended while the person reads the text; then keep it as
/// tokens are kept, for it has the sign-in's secrets.
public struct PendingSignIn: Sendable, Hashable, Codable {
    /// In E.164.
    public let phoneNumber: String
    public let flow: SignInFlow
    /// Digits in the code.
    public let codeLength: Int
    /// When the code is dead.
    public let expiresAt: Date
    /// When another text may be asked for.
    public let resendAt: Date

    /// `operation_id` of the phone login, `auth_session` of the challenge.
    let handle: String
    let secrets: SignInSecrets
}

/// What binds the answer of a sign-in to its question.
struct SignInSecrets: Sendable, Hashable, Codable {
    var verifier = CodeVerifier()
    var state = randomText()
    /// Comes back in the ID token.
    var nonce: String?
    var redirectURI: String?
}

/// Either flow's answer to a number.
struct Challenge: Decodable {
    let handle: String
    let expiresIn: TimeInterval
    let resendAfter: TimeInterval
    let codeLength: Int

    private enum Member: String, CodingKey {
        case operationID = "operationId"
        case authSession, expiresIn, resendAfter, codeLength
    }

    init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: Member.self)
        handle =
            try members.decodeIfPresent(String.self, forKey: .authSession)
            ?? members.decode(String.self, forKey: .operationID)
        expiresIn = try members.decode(TimeInterval.self, forKey: .expiresIn)
        resendAfter = try members.decodeIfPresent(TimeInterval.self, forKey: .resendAfter) ?? 0
        codeLength = try members.decodeIfPresent(Int.self, forKey: .codeLength) ?? 6
    }
}

extension PendingSignIn {
    init(_ challenge: Challenge, of phoneNumber: String, by flow: SignInFlow, secrets: SignInSecrets) {
        self.phoneNumber = phoneNumber
        self.flow = flow
        self.secrets = secrets
        let now = Date()
        handle = challenge.handle
        codeLength = challenge.codeLength
        expiresAt = now.addingTimeInterval(challenge.expiresIn)
        resendAt = now.addingTimeInterval(challenge.resendAfter)
    }
}

extension PendingSignIn: CustomStringConvertible {
    /// Without the secrets, so that a log does not get them.
    public var description: String { "a sign-in by \(flow.rawValue), until \(expiresAt)" }
}

/// A sign-in at the server's own pages: open ``url`` in the system's browser (`ASWebAuthenticationSession`), and hand
/// what comes back to ``DenwaSession/finish(_:at:)``.
public struct BrowserSignIn: Sendable, Hashable, Codable {
    public let url: URL
    let secrets: SignInSecrets
    /// A request that was pushed for the person has no `state` of this app's.
    let sentState: Bool
}

extension BrowserSignIn: CustomStringConvertible {
    public var description: String { "a sign-in in the browser" }
}
