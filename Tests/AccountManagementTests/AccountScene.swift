import Accounts
import Cryptography
import DeveloperLog
import Messaging
import PhoneLogin
import RateLimiting
import Storage
import TestSupport
import Time

@testable import AccountManagement
@testable import OAuth

/// The account acts as the server composes them, on a store and a clock of the test's.
struct AccountScene: Sendable {
    static let password = "correct horse"

    let store: SQLStore
    let phone: PhoneFlow
    let flow: AccountFlow
    /// A Kii app that takes its users' word for numbers and addresses.
    let client: Client = {
        var client = Client.fixture()
        client.kii = KiiApp(appKey: SHA256Digest(of: "an app's key"))
        return client
    }()

    var now: Timestamp { phone.clock.now }

    init(
        store: SQLStore, settings: AccountSettings = AccountSettings(),
        phoneSettings: PhoneLoginSettings = .tenDigits, evenDuration: Duration = .zero
    ) throws {
        self.store = store
        phone = try PhoneFlow(store: store, settings: phoneSettings)
        flow = AccountFlow(
            store: store, log: store, phone: phone.flow,
            passwords: PasswordHashing(
                memory: 128 << 20, maximumWaiting: 1000, threads: 2, entropy: phone.entropy),
            settings: settings, phoneSettings: phoneSettings, issuer: .localhost(port: 8080),
            secret: TestSecret.bytes, routing: phone.routing, templates: MessageTemplates(), doorbell: Doorbell(),
            entropy: phone.entropy, evenDuration: evenDuration)
    }

    func request(_ name: String?) -> RegistrationRequest {
        RegistrationRequest(
            client: client, loginName: name,
            loginNameRule: LoginNameRule(minimumLength: 3, maximumLength: 64) {
                $0.properties.isAlphabetic || $0 == "-"
            },
            password: Self.password, passwordRules: PasswordRules())
    }

    func register(_ request: RegistrationRequest) async throws(AccountError) -> AccountProfile {
        try await flow.register(request, signIn: nil, from: .home, at: now)
    }

    /// Alice, with a number and an address that an app took her word for.
    @discardableResult
    func registerAlice() async throws(AccountError) -> AccountID {
        var request = request("Alice")
        (request.number, request.email) = ("+819012345678", "alice@example.com")
        return try await register(request).id
    }

    func signIn(
        _ identifier: LoginIdentifier?, _ password: String = password, acceptsClaims: Set<AddressKind> = [],
        signIn: NewSignIn? = nil, from origin: RequestOrigin = .home
    ) async throws(AccountError) -> AccountID {
        try await flow.signIn(
            PasswordAttempt(identifier: identifier, password: password, acceptsClaims: acceptsClaims), client: client,
            signIn: signIn, from: origin, at: now)
    }
}

/// An `AccountError` without what it carries: what a table names.
enum AccountRefusal: Sendable, Equatable {
    case invalid(AccountField, AccountError.Reason)
    case taken(AccountField)
    case signInFailed, wrongPassword, unknownAccount, nothingPending, numberCannotReceiveTexts, busy
    case codeRefused(AccountError.CodeRefusal)
    case limited(LimitName, retryAfterSeconds: Int)
    case messagesUnavailable, unavailable

    init(_ error: AccountError) {
        self =
            switch error {
            case .invalid(let field, let reason): .invalid(field, reason)
            case .taken(let field): .taken(field)
            case .signInFailed: .signInFailed
            case .wrongPassword: .wrongPassword
            case .unknownAccount: .unknownAccount
            case .nothingPending: .nothingPending
            case .codeRefused(let refusal): .codeRefused(refusal)
            case .numberCannotReceiveTexts: .numberCannotReceiveTexts
            case .limited(let refusal): .limited(refusal.name, retryAfterSeconds: refusal.retryAfterSeconds)
            case .busy: .busy
            case .messagesUnavailable: .messagesUnavailable
            case .unavailable: .unavailable
            }
    }
}

/// How an act was refused; `nil` when it was not.
func refusal<Value>(of act: () async throws(AccountError) -> Value) async -> AccountRefusal? {
    do throws(AccountError) {
        _ = try await act()
        return nil
    } catch {
        return AccountRefusal(error)
    }
}

extension LoginIdentifier {
    static func named(_ name: String) throws -> LoginIdentifier { .loginName(try known(FoldedText(name))) }
    static func mail(_ address: String) throws -> LoginIdentifier { .email(try known(FoldedText(address))) }
}

extension RequestOrigin {
    static let elsewhere = RequestOrigin(requestID: "request-2", address: "198.51.100.9")
}
