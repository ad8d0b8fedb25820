#if canImport(CryptoKit)
    import CryptoKit
    import Foundation
    import Security

    enum Digest {
        static func sha256(_ message: Data) -> Data { Data(SHA256.hash(data: message)) }
    }

    typealias PlatformKey = CryptoKitKey

    /// In the Secure Enclave where there is one, so that no backup and no thief takes the key along.
    enum CryptoKitKey: DeviceKey {
        case enclave(SecureEnclave.P256.Signing.PrivateKey)
        case software(P256.Signing.PrivateKey)

        static func generate() throws -> Self {
            // Simulators say that they have an enclave, and some have not: software will do then.
            if SecureEnclave.isAvailable, let key = try? enclaveKey() { return .enclave(key) }
            return .software(P256.Signing.PrivateKey())
        }

        /// Usable in the background, too: tokens are renewed while the screen is locked.
        private static func enclaveKey() throws -> SecureEnclave.P256.Signing.PrivateKey {
            guard
                let access = SecAccessControlCreateWithFlags(
                    nil, kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly, .privateKeyUsage, nil)
            else { throw CryptoKitError.incorrectParameterSize }
            return try SecureEnclave.P256.Signing.PrivateKey(accessControl: access)
        }

        /// 32 bytes are a software key; what an enclave seals is longer.
        init(representation: Data) throws {
            self =
                representation.count == 32
                ? .software(try P256.Signing.PrivateKey(rawRepresentation: representation))
                : .enclave(try SecureEnclave.P256.Signing.PrivateKey(dataRepresentation: representation))
        }

        var representation: Data {
            switch self {
            case .enclave(let key): key.dataRepresentation
            case .software(let key): key.rawRepresentation
            }
        }

        var publicPoint: Data {
            switch self {
            case .enclave(let key): key.publicKey.rawRepresentation
            case .software(let key): key.publicKey.rawRepresentation
            }
        }

        func signature(for message: Data) throws -> Data {
            switch self {
            case .enclave(let key): try key.signature(for: message).rawRepresentation
            case .software(let key): try key.signature(for: message).rawRepresentation
            }
        }
    }
#endif
