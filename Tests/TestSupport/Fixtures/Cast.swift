import Cryptography
package import DeveloperLog
package import OAuth
package import PhoneNumbers

@testable package import PhoneLogin

/// The people and clients of the tests.
extension PhoneNumber {
    package static let alice = PhoneNumber(trusted: "+819012345678", region: "JP", lineType: .mobile)
    package static let bob = PhoneNumber(trusted: "+819098765432", region: "JP", lineType: .mobile)
}

extension KnownDevice {
    package static let phoneOfAlice = KnownDevice(id: "a device that is known")
}

extension RequestOrigin {
    package static let home = RequestOrigin(requestID: "request-1", address: "203.0.113.7")
}

extension Client {
    package static func fixture(
        _ id: String = "game", redirectURIs: [String] = ["https://game.example/callback"], secret: String? = nil
    ) -> Client {
        var client = Client(
            id: ClientID(id), name: "Game", authenticationMethod: secret == nil ? .none : .clientSecretBasic,
            redirectURIs: redirectURIs.compactMap { RedirectURI($0) }, grantTypes: [.authorizationCode, .refreshToken])
        client.secretDigest = secret.map { SHA256Digest(of: $0) }
        return client
    }
}

/// 32 bytes that no table of the tests holds.
package enum TestSecret {
    package static let bytes = [UInt8](repeating: 0xA5, count: 32)
}
