package import Accounts
package import Cryptography
package import Messaging
package import OAuth
package import PhoneNumbers
package import RateLimiting
package import Time

@testable package import PhoneLogin

/// One person's login at one client: makes what the store's acts take. A test changes one member of it, and that
/// is the deviation.
package struct PhoneLoginFixture: Sendable {
    package var client = Client.fixture()
    package var phone = PhoneNumber.alice
    package var device: KnownDevice?
    package var state = "state-of-the-client"
    package var scope = "offline"
    /// `nil`: the client's only one is taken.
    package var redirectURI: String?
    package var codeChallenge: CodeChallenge?
    package var lifetimeSeconds = 180
    package var maxGuesses = 5
    /// Of the number, or of its known device, over all operations.
    package var guessesPerNumber: Limit?
    package var authorizationCodeLifetimeSeconds = 60
    package var secret = TestSecret.bytes
    /// The cookie of a browser that signs in at the hosted pages; `nil`: an app runs the login itself.
    package var browser: String?
    /// The authorization request that a browser goes on with.
    package var continuation: [UInt8]?
    package var linkToken: String?
    package var askingDevice: String?
    /// The approval of the link stands for the code.
    package var provesByLink = false
    package var sessions = SessionSettings()
    /// The session cookie that the browser has before it signs in.
    package var oldSession: String?
    package var guarding = SendingGuard(.off)
    /// That a text costs.
    package var segments = 0
    /// Until when a text is its own process' to deliver.
    package var leasedUntil: Timestamp?
    package let entropy: Entropy

    package init(seed: UInt64 = 1) { entropy = .seeded(seed) }

    var confirmedTraffic: ConfirmedTraffic {
        { [guarding] identity, region, client, device in
            guarding.confirmed(identity, in: region, by: client, isKnownDevice: device != nil)
        }
    }

    package var codeSeal: CodeSeal { CodeSeal(secret: secret, entropy: entropy) }
    package var messageSeal: MessageSeal { MessageSeal(secret: secret, entropy: entropy) }

    /// - Parameter code: texted unless a live one is repeated.
    package func operation(
        _ id: String = Unique.name("operation"), code: String = "246802", at now: Timestamp = .noon
    ) throws -> NewPhoneOperation {
        NewPhoneOperation(
            id: id, client: client.id, phone: phone,
            identity: PhoneIdentity(number: phone.e164, client: client, at: now), device: device,
            purpose: try purpose(), linkDigest: linkToken.map { SHA256Digest(of: $0) }, askingDevice: askingDevice,
            startedAt: now, challengeID: Unique.name("challenge"),
            code: OneTimeCode(length: code.utf8.count, entropy: .alwaysDrawing(code)),
            expiresAt: now.adding(seconds: lifetimeSeconds), maxGuesses: maxGuesses, codeSeal: codeSeal,
            message: message(Unique.name("message"), at: now),
            guardCharges: guarding.charges(
                for: phone, client: client, isKnownDevice: device != nil, segments: segments, at: now))
    }

    private func purpose() throws -> PhoneLoginPurpose {
        if let browser {
            return .session(BrowserBinding(browser: SHA256Digest(of: browser), continuation: continuation))
        }
        return .authorizationCode(
            AuthorizationCodeBinding(
                state: state, scope: try known(Scope(scope)), redirect: try client.verifyRedirect(redirectURI),
                codeChallenge: codeChallenge))
    }

    private func message(_ id: String, at now: Timestamp) -> @Sendable (OneTimeCode, Timestamp) -> QueuedMessage {
        { [phone, client, messageSeal, leasedUntil] code, expiresAt in
            QueuedMessage(
                id: id, recipient: phone.e164, region: phone.region,
                sealedContent: messageSeal.seal(
                    MessageContent(body: code.digits, parameters: [.code: code.digits]), id: id),
                template: .signInCode, locale: "en", clientID: client.id.rawValue, createdAt: now,
                expiresAt: expiresAt, leasedUntil: leasedUntil)
        }
    }

    package func guess(
        _ code: String, at operation: String, authorizationCode: String = Unique.name("authorization code"),
        now: Timestamp = .noon
    ) -> PhoneGuess {
        PhoneGuess(
            operationID: operation, client: client.id, number: phone.e164,
            isFor: { [client, phone] in $0 == PhoneIdentity(number: phone.e164, client: client, at: now) },
            proof: provesByLink ? .approvedLink : .code(code, approval: "approved \(operation)"),
            maxGuesses: maxGuesses,
            codeSeal: codeSeal,
            budget: { [guessesPerNumber, phone] _, device in
                LimitCharge(
                    .guessesPerNumber, guessesPerNumber, subject: device.map { "\(phone.e164) \($0)" } ?? phone.e164)
            },
            confirmed: confirmedTraffic, newAccount: AccountID(Unique.name("account")), idleBefore: nil,
            reward: reward(authorizationCode, at: now))
    }
}

extension PhoneLoginFixture {
    private func reward(_ token: String, at now: Timestamp) -> PhoneLoginReward {
        guard let browser else {
            return .authorizationCode(
                SHA256Digest(of: token), grant: GrantID(Unique.name("grant")),
                expiresAt: now.adding(seconds: authorizationCodeLifetimeSeconds))
        }
        return .session(newSession(token, at: now), browser: SHA256Digest(of: browser))
    }

    func newSession(_ token: String, at now: Timestamp) -> NewSession {
        // Sessions of several fixtures of one seed are several sessions.
        NewSession(token: token, replacing: oldSession, settings: sessions, entropy: .system, at: now)
    }
}

/// What a test writes down as valid turned out not to be.
package struct BrokenFixture: Error {
    package init() {}
}

/// The value, which a test knows to be there.
package func known<Value>(_ value: Value?) throws -> Value {
    guard let value else { throw BrokenFixture() }
    return value
}
