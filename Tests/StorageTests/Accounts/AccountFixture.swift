import Accounts
import Cryptography
import DeveloperLog
import Messaging
import OAuth
import PhoneNumbers
import RateLimiting
import Storage
import TestSupport
import Time

@testable import AccountManagement
@testable import PhoneLogin

/// One person at one app: makes what the account acts take. A test changes one member of it, and that is the
/// deviation.
struct AccountFixture: Sendable {
    var client = Client.fixture()
    var loginName: String?
    /// E.164.
    var number: String?
    var email: String?
    /// Number and address wait until they are proved; otherwise the app's word is taken for them.
    var verifies = false
    /// As it is typed.
    var password: String?
    var properties: [AccountProperty] = []
    /// Kinds of addresses for which the app's word is enough.
    var acceptsClaims = Set(AddressKind.allCases)
    var maxGuesses = 5
    var codeLifetimeSeconds = 180
    var emailCodeLifetimeSeconds = 900
    var undoSeconds = 259_200
    /// Of the number, or of the account that is e-mailed, over all its codes.
    var guessesPerNumber: Limit?
    /// How long a number lies idle before it may be somebody else's; `nil`: for ever.
    var idleSeconds: Int?
    let entropy = Entropy.seeded(7)

    var codeSeal: CodeSeal { CodeSeal(secret: TestSecret.bytes, entropy: entropy) }
    var messageSeal: MessageSeal { MessageSeal(secret: TestSecret.bytes, entropy: entropy) }

    /// Somebody with a name of their own, and nothing else.
    static func named(_ name: String) -> AccountFixture {
        var fixture = AccountFixture()
        fixture.loginName = name
        return fixture
    }

    func newAccount(_ id: String) throws -> NewAccount {
        NewAccount(
            id: AccountID(id), client: client.id,
            loginName: try loginName.map { (text: $0, key: try known(FoldedText($0))) },
            number: number.map { GivenAddress(key: $0, text: $0, isToBeProved: verifies) },
            email: try email.map {
                GivenAddress(key: try known(EmailAddress($0)).key.rawValue, text: $0, isToBeProved: verifies)
            },
            password: try password.map(Self.encoded), displayName: nil, country: nil, locale: nil,
            properties: properties)
    }

    /// scrypt with the least work there is: these tests are about rows.
    static func encoded(_ password: String) throws -> String {
        let parameters = try known(ScryptParameters(logCost: 1, blockSize: 8, parallelism: 1))
        return PasswordHash.make(password: password, parameters: parameters, entropy: .system).encoded
    }

    func queued(
        _ template: MessageTemplate, channel: MessageChannel = .sms, to recipient: String, saying body: String,
        at now: Timestamp, until end: Timestamp
    ) -> QueuedMessage {
        let id = Unique.name("message")
        return QueuedMessage(
            id: id, channel: channel, recipient: recipient, region: channel == .sms ? "JP" : "",
            sealedContent: messageSeal.seal(MessageContent(body: body), id: id), template: template, locale: "en",
            clientID: client.id.rawValue, createdAt: now, expiresAt: end)
    }

    // MARK: - Acts

    func register(
        _ id: String = Unique.name("account"), signIn: NewSignIn? = nil, on store: SQLStore, at now: Timestamp = .noon
    ) async throws -> RegistrationOutcome {
        try await store.register(newAccount(id), signIn: signIn, from: .home, at: now)
    }

    /// A registration that must pass.
    @discardableResult
    func registered(
        _ id: String = Unique.name("account"), signIn: NewSignIn? = nil, on store: SQLStore, at now: Timestamp = .noon
    ) async throws -> AccountID {
        let outcome = try await register(id, signIn: signIn, on: store, at: now)
        guard case .registered(let profile) = outcome else { throw BrokenFixture() }
        return profile.id
    }

    /// Texts a code for an account.
    @discardableResult
    func text(
        _ purpose: AccountPurpose, to number: String, for account: AccountID, code: String = "246802",
        operation: String = Unique.name("operation"), charging charges: [LimitCharge] = [], on store: SQLStore,
        at now: Timestamp = .noon
    ) async throws -> PhoneOperationStart {
        let phone = PhoneNumber(trusted: number, region: "JP", lineType: .mobile)
        let new = NewPhoneOperation(
            id: operation, client: client.id, phone: phone,
            identity: PhoneIdentity(number: number, client: client, at: now), device: nil,
            purpose: .account(account, purpose), linkDigest: nil, askingDevice: nil, startedAt: now,
            challengeID: Unique.name("challenge"),
            code: OneTimeCode(length: code.utf8.count, entropy: .alwaysDrawing(code)),
            expiresAt: now.adding(seconds: codeLifetimeSeconds), maxGuesses: maxGuesses, codeSeal: codeSeal,
            message: { code, end in
                queued(.verificationCode, to: number, saying: code.digits, at: now, until: end)
            }, guardCharges: nil)
        return try await store.start(new, charging: charges, from: .home, at: now)
    }

    /// Types a code in for an account.
    func prove(
        _ code: String, of account: LoginIdentifier, operation: String? = nil, reward: NumberProofReward,
        charging charges: [LimitCharge] = [], on store: SQLStore, at now: Timestamp = .noon
    ) async throws -> NumberProofOutcome {
        let proof = NumberProof(
            account: account, client: client.id, acceptsClaims: acceptsClaims, isKnownPlace: false,
            operationID: operation, code: code, maxGuesses: maxGuesses, codeSeal: codeSeal,
            budget: { [guessesPerNumber] identity, _ in
                LimitCharge(.guessesPerNumber, guessesPerNumber, subject: identity.rawValue)
            }, confirmed: { _, _, _, _ in [] },
            idleBefore: idleSeconds.map { now.adding(seconds: -$0) }, reward: reward)
        return try await store.prove(proof, charging: charges, from: .home, at: now)
    }

    /// Types in the code of a change of number.
    func proveNumber(
        _ code: String = "246802", of account: LoginIdentifier, in anchor: SignInAnchor? = nil,
        ending: SignInEnding = .none, undo: String = Unique.name("undo"), operation: String? = nil,
        on store: SQLStore, at now: Timestamp = .noon
    ) async throws -> NumberProofOutcome {
        let reward = NumberProofReward.number(
            confirmedIn: anchor, ending: ending, change: change(undo: undo, at: now))
        return try await prove(code, of: account, operation: operation, reward: reward, on: store, at: now)
    }

    /// - Parameter undo: the token of the link in the text to the old number.
    func change(undo: String, at now: Timestamp = .noon) -> NumberChange {
        let end = now.adding(seconds: undoSeconds)
        return NumberChange(
            undo: SHA256Digest(of: undo), undoableUntil: end,
            notice: { queued(.numberChanged, to: $0.number, saying: undo, at: now, until: end) }, completed: nil)
    }

    /// A whole change of number in one sign-in.
    func changeNumber(
        of account: AccountID, to number: String, in anchor: SignInAnchor? = nil, ending: SignInEnding = .none,
        undo: String = Unique.name("undo"), on store: SQLStore, at now: Timestamp = .noon
    ) async throws {
        try await text(.number(begunIn: anchor), to: number, for: account, on: store, at: now)
        let outcome = try await proveNumber(
            of: .id(account), in: anchor, ending: ending, undo: undo, on: store, at: now)
        guard outcome == .proven(account) else { throw BrokenFixture() }
    }

    func undo(_ token: String, on store: SQLStore, at now: Timestamp = .noon) async throws -> UndoOutcome {
        try await store.undoNumberChange(SHA256Digest(of: token), from: .home, at: now)
    }

    /// Takes every message out of the queue, oldest first.
    func takeMessages(
        on store: SQLStore, at now: Timestamp = .noon
    ) async throws -> [(recipient: String, body: String)] {
        let lease = now.adding(seconds: 3600)
        return try await store.claimMessages(atMost: 1000, leaseUntil: lease, at: now).map {
            (recipient: $0.recipient, body: try known(messageSeal.open($0.sealedContent, id: $0.id)).body)
        }
    }
}
