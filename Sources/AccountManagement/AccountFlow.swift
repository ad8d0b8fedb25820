package import Accounts
package import Cryptography
package import DeveloperLog
package import Messaging
package import OAuth
package import PhoneLogin
import RateLimiting
import Time

/// Everything that can be done with an account: registering, signing in by password, changing and proving what it
/// is reached by, and deleting it. The wire formats and the pages are thin layers over these acts.
package struct AccountFlow: Sendable {
    let store: any AccountManagementStore
    let log: any SecurityEventLog
    let phone: PhoneLoginFlow
    let passwords: PasswordHashing
    package let settings: AccountSettings
    let maxGuesses: Int
    let codeLength: Int
    let issuer: Issuer
    let codeSeal: CodeSeal
    let messageSeal: MessageSeal
    let routing: MessageRouting
    let templates: MessageTemplates
    let doorbell: Doorbell
    let entropy: Entropy
    /// How long an answer takes that must not tell whether somebody exists.
    let evenDuration: Duration

    package init(
        store: any AccountManagementStore, log: any SecurityEventLog, phone: PhoneLoginFlow,
        passwords: PasswordHashing, settings: AccountSettings, phoneSettings: PhoneLoginSettings, issuer: Issuer,
        secret: [UInt8], routing: MessageRouting, templates: MessageTemplates, doorbell: Doorbell, entropy: Entropy,
        evenDuration: Duration = .milliseconds(400)
    ) {
        self.store = store
        self.log = log
        self.phone = phone
        self.passwords = passwords
        self.settings = settings
        maxGuesses = phoneSettings.maxGuesses
        codeLength = phoneSettings.codeLength
        self.issuer = issuer
        codeSeal = CodeSeal(secret: secret, entropy: entropy)
        messageSeal = MessageSeal(secret: secret, entropy: entropy)
        self.routing = routing
        self.templates = templates
        self.doorbell = doorbell
        self.entropy = entropy
        self.evenDuration = evenDuration
    }

    /// Lets work of different length take one time, so that its length tells strangers nothing. Under a load that
    /// makes it longer than that, what it computes is of one size too.
    func evenly<Value>(
        _ work: () async throws(AccountError) -> Value
    ) async throws(AccountError) -> Value {
        let end = ContinuousClock.now + evenDuration
        do throws(AccountError) {
            let value = try await work()
            try? await Task.sleep(until: end)
            return value
        } catch {
            // A limit tells its caller what it counted, which is the same for everybody.
            if case .limited = error { throw error }
            try? await Task.sleep(until: end)
            throw error
        }
    }

    /// Runs an act of the store.
    func act<Value>(_ act: () async throws -> Value) async throws(AccountError) -> Value {
        do { return try await act() } catch { throw .unavailable(error) }
    }

    func record(_ event: SecurityEvent) async throws(AccountError) {
        try await act { try await log.record(event) }
    }

    /// Counts a request in an act of its own, for what is dear to compute.
    func count(
        _ charges: [LimitCharge], as kind: SecurityEvent.Kind, client: Client, _ origin: RequestOrigin,
        at now: Timestamp
    ) async throws(AccountError) {
        guard let refusal = try await act({ try await store.charge(charges, at: now) }) else { return }
        try await record(
            SecurityEvent(
                kind, at: now, origin: origin, clientID: client.id.rawValue, rule: refusal.name.rawValue,
                reason: "limit reached", retryAfterSeconds: refusal.retryAfterSeconds))
        throw .limited(refusal)
    }

    /// A message to an e-mail address, for whichever address it turns out to be.
    func email(
        _ template: MessageTemplate, code: String?, minutes: Int?, from client: Client, locales: [String],
        until expiresAt: Timestamp, at now: Timestamp
    ) -> @Sendable (EmailAddress) -> QueuedMessage {
        { [templates, messageSeal, entropy] address in
            let (locale, wording) = templates.catalogue.wording(
                of: template, channel: .email, client: client.id.rawValue, wishes: locales)
            let id = entropy.uuid(at: now)
            let content = MessageText(code: code, appName: client.name, minutes: minutes)
                .content(of: wording, channel: .email)
            return QueuedMessage(
                id: id, channel: .email, recipient: address.text, region: "",
                sealedContent: messageSeal.seal(content, id: id), template: template, locale: locale,
                clientID: client.id.rawValue, createdAt: now, expiresAt: expiresAt)
        }
    }

    func checkMailer(at now: Timestamp) throws(AccountError) {
        if let seconds = routing.unavailableSeconds(for: .email, region: "", at: now) {
            throw .messagesUnavailable(retryAfterSeconds: seconds)
        }
    }
}

extension AccountError {
    init(_ error: PasswordHashing.Failure) {
        switch error {
        case .busy(let seconds): self = .busy(retryAfterSeconds: seconds)
        }
    }

    /// What the phone's side refused.
    init(_ error: PhoneLoginError) {
        switch error {
        case .limited(let refusal): self = .limited(refusal)
        case .numberCannotReceiveTexts: self = .numberCannotReceiveTexts
        case .messagesUnavailable(let seconds): self = .messagesUnavailable(retryAfterSeconds: seconds)
        case .unavailable(let cause): self = .unavailable(cause)
        default: self = .invalid(.number, .invalid)
        }
    }
}
