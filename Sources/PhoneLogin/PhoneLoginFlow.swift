package import Accounts
package import Cryptography
package import DeveloperLog
package import Messaging
package import OAuth
import PhoneNumbers
package import RateLimiting
import Time

/// The phone login: `start` texts a code, and the right one becomes an authorization code (`confirm`) or a
/// browser's session (`signIn`).
package struct PhoneLoginFlow: Sendable {
    let registry: ClientRegistry
    let store: any PhoneLoginStore
    let log: any SecurityEventLog
    let settings: PhoneLoginSettings
    let sessions: SessionSettings
    let issuer: Issuer
    let authorizationCodeLifetimeSeconds: Int
    let codeSeal: CodeSeal
    let messageSeal: MessageSeal
    let continuationSeal: ContinuationSeal
    let devices: DeviceRecognition
    let approvals: LinkApproval
    let waiting: LinkWaiting
    let sendingGuard: SendingGuard
    let routing: MessageRouting
    let templates: MessageTemplates
    let doorbell: Doorbell
    let entropy: Entropy

    package init(
        registry: ClientRegistry, store: any PhoneLoginStore, log: any SecurityEventLog,
        settings: PhoneLoginSettings, sessions: SessionSettings, issuer: Issuer,
        authorizationCodeLifetimeSeconds: Int, secret: [UInt8], sendingGuard: SendingGuard, routing: MessageRouting,
        templates: MessageTemplates = MessageTemplates(), doorbell: Doorbell,
        waiting: LinkWaiting = LinkWaiting(), entropy: Entropy
    ) {
        self.registry = registry
        self.store = store
        self.log = log
        self.settings = settings
        self.sessions = sessions
        self.issuer = issuer
        self.authorizationCodeLifetimeSeconds = authorizationCodeLifetimeSeconds
        self.sendingGuard = sendingGuard
        self.routing = routing
        self.templates = templates
        self.doorbell = doorbell
        self.entropy = entropy
        codeSeal = CodeSeal(secret: secret, entropy: entropy)
        messageSeal = MessageSeal(secret: secret, entropy: entropy)
        continuationSeal = ContinuationSeal(secret: secret, entropy: entropy)
        approvals = LinkApproval(secret: secret)
        self.waiting = waiting
        devices = DeviceRecognition(secret: secret, entropy: entropy)
    }

    /// The limits that messages of other kinds share.
    package var sendPerNumber: Limit? { settings.sendPerNumber }
    package var sendPerIP: Limit? { settings.sendPerIP }
    package var confirmPerIP: Limit? { settings.confirmPerIP }
    package var guessesPerNumber: Limit? { settings.guessesPerNumber }

    /// The client that a request names, if it may run this flow.
    func client(_ id: String?, at now: Timestamp) async throws(PhoneLoginError) -> Client {
        guard let id else { throw .parameterMissing }
        let found: Client?
        do { found = try await registry.find(ClientID(id), at: now) } catch { throw .unavailable(error) }
        guard let client = found else { throw .unknownClient }
        guard client.grantTypes.contains(.authorizationCode) else { throw .clientNotAllowed }
        return client
    }

    /// Everything that ends an operation goes through here, so that whoever waits for its link hears of it.
    func perform(
        _ guess: PhoneGuess, from origin: RequestOrigin, at now: Timestamp
    ) async throws(PhoneLoginError) -> PassedOperation {
        let charge = LimitCharge(.confirmPerIP, settings.confirmPerIP, subject: origin.address ?? "")
        let outcome: PhoneGuessOutcome
        do {
            outcome = try await store.guess(guess, charging: [charge].compactMap(\.self), from: origin, at: now)
        } catch {
            throw .unavailable(error)
        }
        switch outcome {
        case .passed(let operation):
            waiting.tell(.finished, of: guess.operationID)
            return operation
        case .wrong: throw .wrongCode
        case .exhausted: throw .noGuessLeft
        case .unknown: throw .operationUnknown
        case .accountDisabled(let login): throw .accountDisabled(login)
        case .limited(let refusal): throw .limited(refusal)
        }
    }

    func budget(_ identity: PhoneIdentity, _ device: String?) -> LimitCharge? {
        LimitCharge(
            .guessesPerNumber, settings.guessesPerNumber,
            subject: Self.subject(identity.rawValue, isKnownDevice: device != nil))
    }

    /// Whose credit it is that a text was confirmed.
    var confirmedTraffic: ConfirmedTraffic {
        { [sendingGuard] identity, region, client, device in
            sendingGuard.confirmed(identity, in: region, by: client, isKnownDevice: device != nil)
        }
    }

    func idleBefore(_ now: Timestamp) -> Timestamp? { settings.numberIdleSeconds.map { now.adding(seconds: -$0) } }

    func record(_ event: SecurityEvent) async throws(PhoneLoginError) {
        do { try await log.record(event) } catch { throw .unavailable(error) }
    }

    /// Whose count a number's limits are: strangers', or its known devices'. All devices of a number share one:
    /// every sign-in can make a new one, and a count each would be no limit at all.
    static func subject(_ number: String, isKnownDevice: Bool) -> String {
        isKnownDevice ? "\(number) known" : number
    }
}
