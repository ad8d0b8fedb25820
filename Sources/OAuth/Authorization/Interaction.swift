import Accounts
import Time

/// What is left to ask the person before an app gets its code.
package enum Interaction: Sendable, Equatable {
    case signIn
    case chooseAccount
    case consent
}

extension AuthorizationRequest {
    /// The first thing that is missing; `nil` when nothing is.
    ///
    /// - Parameter consented: what the account allowed this client before.
    func interaction(
        session: Session, consented: Scope?, hasJustSignedIn: Bool = false, subjects: SubjectIdentifiers,
        at now: Timestamp
    ) -> Interaction? {
        guard session.maySignIn(to: client, at: now) else { return .signIn }
        // Not for ever by the address in a browser's history.
        let isLooking = hasJustSignedIn && now < session.authenticatedAt.adding(seconds: 300)
        if prompt.contains(.login) { return .signIn }
        // OpenID Connect Core §3.1.2.1: an age of 0 is the same as `prompt=login`.
        if let maxAgeSeconds, now >= session.authenticatedAt.adding(seconds: maxAgeSeconds) { return .signIn }
        // Registration §2, `default_max_age`: for requests that name no age, and not again right after a sign-in.
        if let age = client.defaultMaxAgeSeconds, maxAgeSeconds == nil, !isLooking,
            now >= session.authenticatedAt.adding(seconds: age)
        {
            return .signIn
        }
        if let expectedSubject, expectedSubject != subjects.subject(of: session.account, for: client) {
            return .signIn
        }
        if prompt.contains(.selectAccount) { return .chooseAccount }
        if prompt.contains(.consent) { return .consent }
        // RFC 8252 §8.6: any app on the device may claim the scheme of another one and ask in its name, so a code
        // does not go there unless the person is looking.
        if client.isPublic, target.redirect.isPrivateUse, !isLooking { return .consent }
        if client.isFirstParty { return nil }
        guard let consented, scope.isSubset(of: consented) else { return .consent }
        return nil
    }
}

extension Interaction {
    /// What an app hears that asked for no interaction (`prompt=none`).
    var refusal: OAuthError {
        switch self {
        case .signIn, .chooseAccount: OAuthError(.loginRequired, "nobody is signed in who could answer")
        case .consent: OAuthError(.consentRequired, "the person has not agreed to this yet")
        }
    }
}

extension Session {
    /// A test account signs in to the app whose people test with it, for as long as the test number lasts.
    func maySignIn(to client: Client, at now: Timestamp) -> Bool {
        guard let testClient else { return true }
        guard testClient.utf8.elementsEqual(client.id.rawValue.utf8), let phoneNumber else { return false }
        return client.testNumber(phoneNumber, at: now) != nil
    }
}
