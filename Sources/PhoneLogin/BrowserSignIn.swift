package import Accounts
import Cryptography
package import DeveloperLog
package import OAuth
import PhoneNumbers
package import Time

/// A number typed at this server's own page.
package struct BrowserSignInRequest: Sendable {
    package let client: Client
    /// As people write it.
    package let number: String
    /// What a national spelling is national to, ISO 3166-1 alpha-2.
    package let region: String?
    /// The browser's own cookie.
    package let browser: String
    /// The authorization request that the sign-in is for.
    package let continuation: String
    /// What the visitor would like to read, best first.
    package let locales: [String]
    package let askingDevice: String?
    /// From earlier sign-ins in this browser.
    package let deviceIDs: [String]

    package init(
        client: Client, number: String, region: String?, browser: String, continuation: String, locales: [String],
        askingDevice: String?, deviceIDs: [String]
    ) {
        self.client = client
        self.number = number
        self.region = region
        self.browser = browser
        self.continuation = continuation
        self.locales = locales
        self.askingDevice = askingDevice
        self.deviceIDs = deviceIDs
    }
}

/// A sign-in under way in one browser: everything the pages need to go on, so that nothing has to be looked up.
package struct BrowserSignIn: Sendable, Equatable {
    package let operationID: String
    package let client: ClientID
    /// E.164.
    package let number: String
    package let expiresAt: Timestamp
    /// When the next text may be asked for.
    package let resendAt: Timestamp
    package let hasLink: Bool

    package init(
        operationID: String, client: ClientID, number: String, expiresAt: Timestamp, resendAt: Timestamp,
        hasLink: Bool
    ) {
        self.operationID = operationID
        self.client = client
        self.number = number
        self.expiresAt = expiresAt
        self.resendAt = resendAt
        self.hasLink = hasLink
    }

    package var maskedNumber: String {
        PhoneNumber(trusted: number, region: "", lineType: .unknown).masked
    }
}

/// A browser that is signed in now.
package struct BrowserSignedIn: Sendable {
    /// The session cookie's new value.
    package let sessionToken: String
    package let account: AccountID
    package let deviceID: String
    /// The authorization request to go on with, when the operation remembered it.
    package let continuation: String?
}

/// What a browser brings to finish a sign-in.
package struct BrowserCredentials: Sendable {
    package let browser: String
    /// The session cookie it has, which ends.
    package let session: String?
    package let deviceIDs: [String]
    /// What kind of browser it is, in words.
    package let device: String?

    package init(browser: String, session: String?, deviceIDs: [String], device: String? = nil) {
        self.browser = browser
        self.session = session
        self.deviceIDs = deviceIDs
        self.device = device
    }
}

extension PhoneLoginFlow {
    /// Texts a code to a number typed at our own page. When the client registers this server's link page, the
    /// text carries a link too.
    package func start(
        _ request: BrowserSignInRequest, from origin: RequestOrigin, at now: Timestamp
    ) async throws(PhoneLoginError) -> BrowserSignIn {
        let client = request.client
        let phone = try await checkedNumber(
            { () throws(PhoneNumberError) in try PhoneNumber(parsing: request.number, region: request.region) },
            client: client, from: origin, at: now)
        let hasLink = client.linkURIs.contains { $0.isExactly(linkPage) }
        let start = LoginStart(
            client: client, phone: phone,
            purpose: { id in
                .session(
                    BrowserBinding(
                        browser: SHA256Digest(of: request.browser),
                        continuation: hasLink
                            ? continuationSeal.seal(request.continuation, operationID: id) : nil))
            },
            linkURL: hasLink ? linkPage : nil, locales: request.locales, webOTPDomain: issuer.host,
            askingDevice: request.askingDevice, deviceIDs: request.deviceIDs)
        let (operation, expiresAt) = try await perform(start, from: origin, at: now)
        return BrowserSignIn(
            operationID: operation, client: client.id, number: phone.e164, expiresAt: expiresAt,
            resendAt: now.adding(seconds: settings.resendCooldownSeconds), hasLink: hasLink)
    }

    /// Turns the right code into a session of the browser that began.
    package func signIn(
        _ signIn: BrowserSignIn, code: String, with browser: BrowserCredentials, from origin: RequestOrigin,
        at now: Timestamp
    ) async throws(PhoneLoginError) -> BrowserSignedIn {
        guard !code.isEmpty, code.utf8.count <= 64 else { throw .wrongCode }
        return try await finish(signIn, proof: .code(code, approval: nil), with: browser, from: origin, at: now)
    }

    /// The same for a browser whose link was approved elsewhere.
    package func signInByLink(
        _ signIn: BrowserSignIn, with browser: BrowserCredentials, from origin: RequestOrigin, at now: Timestamp
    ) async throws(PhoneLoginError) -> BrowserSignedIn {
        try await finish(signIn, proof: .approvedLink, with: browser, from: origin, at: now)
    }

    private func finish(
        _ signIn: BrowserSignIn, proof: PhoneLoginProof, with browser: BrowserCredentials,
        from origin: RequestOrigin, at now: Timestamp
    ) async throws(PhoneLoginError) -> BrowserSignedIn {
        let client = try await client(signIn.client.rawValue, at: now)
        let identity = PhoneIdentity(number: signIn.number, client: client, at: now)
        let token = entropy.token()
        let guess = PhoneGuess(
            operationID: signIn.operationID, client: client.id, number: signIn.number, isFor: { $0 == identity },
            proof: proof, maxGuesses: settings.maxGuesses, codeSeal: codeSeal, budget: { budget($0, $1) },
            confirmed: confirmedTraffic,
            newAccount: AccountID(entropy.uuid()), idleBefore: idleBefore(now),
            reward: .session(
                newSession(token, for: browser, at: now), browser: SHA256Digest(of: browser.browser)))
        let passed = try await perform(guess, from: origin, at: now)
        return signedIn(passed, by: signIn.operationID, token: token, deviceIDs: browser.deviceIDs, at: now)
    }

    func newSession(_ token: String, for browser: BrowserCredentials, at now: Timestamp) -> NewSession {
        NewSession(
            token: token, replacing: browser.session, device: browser.device, settings: sessions, entropy: entropy,
            at: now)
    }

    func signedIn(
        _ passed: PassedOperation, by operationID: String, token: String, deviceIDs: [String], at now: Timestamp
    ) -> BrowserSignedIn {
        let known = deviceIDs.lazy.compactMap { devices.recognize($0, of: passed.identity, at: now) }.first
        var continuation: String?
        if case .session(let sealed?) = passed.continuation {
            continuation = continuationSeal.open(sealed, operationID: operationID)
        }
        return BrowserSignedIn(
            sessionToken: token, account: passed.account,
            deviceID: devices.issue(for: known, of: passed.identity, at: now), continuation: continuation)
    }
}
