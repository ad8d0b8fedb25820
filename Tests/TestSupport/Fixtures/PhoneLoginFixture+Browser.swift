package import Accounts
import Cryptography
import DeveloperLog
import OAuth
import PhoneNumbers
package import RateLimiting
package import Storage
package import Time

@testable package import PhoneLogin

extension PhoneLoginFixture {
    /// The same person at this server's own pages: with a link in the text, and a request to go on with.
    package static func inBrowser(_ browser: String = "browser") -> PhoneLoginFixture {
        var login = PhoneLoginFixture()
        login.browser = browser
        login.continuation = Array("a sealed request".utf8)
        login.linkToken = "link"
        login.askingDevice = "Chrome · Windows"
        return login
    }

    /// A whole sign-in of a browser, whose session cookie is `token` from here on.
    @discardableResult
    package func beginSession(
        _ token: String, replacing old: String? = nil, on store: SQLStore, at now: Timestamp = .noon
    ) async throws -> AccountID {
        var login = self
        login.browser = browser ?? "browser"
        login.oldSession = old
        return try await login.signIn(authorizationCode: token, on: store, at: now).account
    }

    /// - Parameters:
    ///   - browser: the browser that answers; `nil` when it has no cookie of ours.
    ///   - session: the session cookie it gets if it is the one that began.
    package func decision(
        _ isApproved: Bool, of operation: String, in browser: String? = nil,
        session: String = Unique.name("session"), at now: Timestamp = .noon
    ) throws -> LinkDecision {
        LinkDecision(
            operationID: operation, link: SHA256Digest(of: try known(linkToken)), isApproved: isApproved,
            browser: browser.map { (digest: SHA256Digest(of: $0), session: newSession(session, at: now)) },
            newAccount: AccountID(Unique.name("account")), idleBefore: nil,
            replacement: OneTimeCode(length: 6, entropy: entropy),
            codeSeal: codeSeal, confirmed: confirmedTraffic)
    }

    package func decide(
        _ isApproved: Bool, of operation: String, in browser: String? = nil,
        session: String = Unique.name("session"), charging charges: [LimitCharge] = [], on store: SQLStore,
        at now: Timestamp = .noon
    ) async throws -> LinkOutcome {
        let decision = try decision(isApproved, of: operation, in: browser, session: session, at: now)
        return try await store.decide(decision, charging: charges, from: .home, at: now)
    }

    /// As whoever began would ask.
    package func linkState(
        of operation: String, charging charges: [LimitCharge] = [], on store: SQLStore, at now: Timestamp = .noon
    ) async throws -> LinkState {
        try await store.linkState(of: operation, askedBy: holder(at: now), charging: charges, at: now)
    }

    package func holder(at now: Timestamp = .noon) -> LinkHolder {
        if let browser { return .browser(SHA256Digest(of: browser)) }
        return .app(
            client.id, isFor: { [client, phone] in $0 == PhoneIdentity(number: phone.e164, client: client, at: now) })
    }

    package func linkedOperation(
        _ operation: String, on store: SQLStore, at now: Timestamp = .noon
    ) async throws -> LinkedOperation? {
        try await store.linkedOperation(operation, link: SHA256Digest(of: try known(linkToken)), at: now)
    }
}

extension SQLStore {
    /// The session of a cookie.
    package func session(_ token: String, at now: Timestamp = .noon) async throws -> Session? {
        try await session(SHA256Digest(of: token), at: now)
    }
}
