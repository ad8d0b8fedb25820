import Accounts
package import Cryptography
import DeveloperLog
package import Messaging
package import OAuth
package import PhoneLogin
import PhoneNumbers
package import Storage
import Time

/// The phone login as the server composes it, on a store and a clock of the test's, with one registered client.
package struct PhoneFlow: Sendable {
    package let flow: PhoneLoginFlow
    package let store: SQLStore
    package let clock: ManualClock
    package let entropy: Entropy
    package let routing: MessageRouting
    package let registry: ClientRegistry
    private let messageSeal: MessageSeal

    package init(
        store: SQLStore, clients: [Client] = [.fixture()], settings: PhoneLoginSettings = .tenDigits,
        guarding: GuardSettings = .off, connectors: [ConfiguredConnector] = [.console],
        issuer: Issuer = .localhost(port: 8080), seed: UInt64 = 1
    ) throws {
        self.store = store
        clock = ManualClock()
        entropy = .seeded(seed)
        routing = MessageRouting(connectors)
        registry = ClientRegistry(clients)
        messageSeal = MessageSeal(secret: TestSecret.bytes, entropy: entropy)
        flow = PhoneLoginFlow(
            registry: registry, store: store, log: store, settings: settings, sessions: SessionSettings(),
            issuer: issuer, authorizationCodeLifetimeSeconds: 60, secret: TestSecret.bytes,
            sendingGuard: SendingGuard(guarding), routing: routing, doorbell: Doorbell(), entropy: entropy)
    }

    package func start(_ request: PhoneLoginRequest = .valid) async throws(PhoneLoginError) -> PhoneLoginStarted {
        try await flow.start(request, from: .home, at: clock.now)
    }

    package func confirm(
        _ started: PhoneLoginStarted, code: String
    ) async throws(PhoneLoginError) -> PhoneLoginCompleted {
        try await confirm(.valid(started, code: code))
    }

    package func confirm(
        _ confirmation: PhoneLoginConfirmation
    ) async throws(PhoneLoginError) -> PhoneLoginCompleted {
        try await flow.confirm(confirmation, from: .home, at: clock.now)
    }

    /// Takes every text out of the queue, as a provider would see them, oldest first.
    package func takeTexts() async throws -> [TextMessage] {
        let now = clock.now
        return try await store.claimMessages(atMost: 1000, leaseUntil: now.adding(seconds: 3600), at: now).map {
            TextMessage(
                id: $0.id, recipient: $0.recipient, region: $0.region,
                content: try known(messageSeal.open($0.sealedContent, id: $0.id)), template: $0.template,
                locale: $0.locale, clientID: $0.clientID, createdAt: $0.createdAt,
                expiresAt: $0.expiresAt)
        }
    }
}

extension GuardSettings {
    /// For tests of something else.
    package static var off: GuardSettings {
        var settings = GuardSettings()
        settings.mode = .off
        return settings
    }
}

extension ConfiguredConnector {
    /// Free, so that no price is ever asked for.
    package static var console: ConfiguredConnector {
        ConfiguredConnector(name: "console", type: "console", connector: ConsoleConnector())
    }
}

extension PhoneLoginSettings {
    /// Codes so long that nothing else in a file looks like one.
    package static var tenDigits: PhoneLoginSettings {
        var settings = PhoneLoginSettings()
        settings.codeLength = 10
        return settings
    }
}

extension PhoneLoginRequest {
    package static var valid: PhoneLoginRequest {
        PhoneLoginRequest(
            responseType: "code", clientID: "game", state: "a state of the client's", scope: "offline",
            redirectURI: nil, codeChallenge: nil, codeChallengeMethod: nil, uiLocales: nil, acceptLanguage: nil,
            phoneNumber: PhoneNumber.alice.e164, sendLink: false, linkURL: nil, deviceID: nil)
    }
}

extension PhoneLoginConfirmation {
    package static func valid(_ started: PhoneLoginStarted, code: String) -> PhoneLoginConfirmation {
        PhoneLoginConfirmation(
            clientID: "game", code: code, operationID: started.operationID, phoneNumber: PhoneNumber.alice.e164,
            deviceID: nil)
    }
}
