import Accounts
package import Cryptography
package import DeveloperLog
package import Messaging
package import OAuth
import PhoneNumbers
import RateLimiting
import Time

/// The phone login: `start` texts a code, `confirm` turns the right one into an authorization code.
package struct PhoneLoginFlow: Sendable {
    let registry: ClientRegistry
    let store: any PhoneLoginStore
    let log: any SecurityEventLog
    let settings: PhoneLoginSettings
    let authorizationCodeLifetimeSeconds: Int
    let codeSeal: CodeSeal
    let messageSeal: MessageSeal
    let devices: DeviceRecognition
    let health: DeliveryHealth
    let doorbell: Doorbell
    let entropy: Entropy

    package init(
        registry: ClientRegistry, store: any PhoneLoginStore, log: any SecurityEventLog,
        settings: PhoneLoginSettings, authorizationCodeLifetimeSeconds: Int, secret: [UInt8],
        health: DeliveryHealth, doorbell: Doorbell, entropy: Entropy
    ) {
        self.registry = registry
        self.store = store
        self.log = log
        self.settings = settings
        self.authorizationCodeLifetimeSeconds = authorizationCodeLifetimeSeconds
        self.health = health
        self.doorbell = doorbell
        self.entropy = entropy
        codeSeal = CodeSeal(secret: secret, entropy: entropy)
        messageSeal = MessageSeal(secret: secret, entropy: entropy)
        devices = DeviceRecognition(secret: secret, entropy: entropy)
    }

    /// The client that a request names, if it may run this flow.
    func client(_ id: String?) throws(PhoneLoginError) -> Client {
        guard let id else { throw .parameterMissing }
        guard let client = registry[ClientID(id)] else { throw .unknownClient }
        guard client.grantTypes.contains(.authorizationCode) else { throw .clientNotAllowed }
        return client
    }

    func record(_ event: SecurityEvent) async throws(PhoneLoginError) {
        do { try await log.record(event) } catch { throw .unavailable(error) }
    }

    /// Whose count a number's limits are: strangers', or its known devices'. All devices of a number share one:
    /// every sign-in can make a new one, and a count each would be no limit at all.
    static func subject(_ number: String, isKnownDevice: Bool) -> String {
        isKnownDevice ? "\(number) known" : number
    }
}
