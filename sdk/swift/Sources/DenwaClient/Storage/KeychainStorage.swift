#if canImport(Security)
    public import Foundation
    import Security

    /// Keeps secrets in the keychain: they outlive the app's process, and stay on this device.
    ///
    /// The keychain of iOS also outlives the app's removal. An app that should start anew calls
    /// ``DenwaSession/forget()`` at its first launch.
    public struct KeychainStorage: SecretStorage {
        private let service: String
        private let accessGroup: String?

        /// - Parameters:
        ///   - service: what the items are filed under.
        ///   - accessGroup: a group of the app's entitlements, when an extension shares the login.
        public init(service: String = "DenwaClient", accessGroup: String? = nil) {
            self.service = service
            self.accessGroup = accessGroup
        }

        /// What the keychain said, an `OSStatus` of `SecBase.h`.
        public struct Failure: Error, Sendable, Hashable {
            public let status: Int32
        }

        public func secret(named name: String) throws -> Data? {
            var query = item(name)
            query[kSecReturnData] = true
            query[kSecMatchLimit] = kSecMatchLimitOne
            var found: CFTypeRef?
            let status = unsafe SecItemCopyMatching(query as CFDictionary, &found)
            guard status != errSecItemNotFound else { return nil }
            guard status == errSecSuccess else { throw Failure(status: status) }
            return found as? Data
        }

        public func keep(_ secret: Data?, named name: String) throws {
            let item = item(name)
            guard let secret else {
                let status = SecItemDelete(item as CFDictionary)
                guard status == errSecSuccess || status == errSecItemNotFound else { throw Failure(status: status) }
                return
            }
            // Readable while the screen is locked, for renewals in the background; never in a backup.
            let value: [CFString: Any] = [
                kSecValueData: secret, kSecAttrAccessible: kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly,
            ]
            var status = SecItemUpdate(item as CFDictionary, value as CFDictionary)
            if status == errSecItemNotFound {
                status = SecItemAdd(item.merging(value) { $1 } as CFDictionary, nil)
            }
            guard status == errSecSuccess else { throw Failure(status: status) }
        }

        private func item(_ name: String) -> [CFString: Any] {
            var item: [CFString: Any] = [
                kSecClass: kSecClassGenericPassword, kSecAttrService: service, kSecAttrAccount: name,
                kSecUseDataProtectionKeychain: true,
            ]
            if let accessGroup { item[kSecAttrAccessGroup] = accessGroup }
            return item
        }
    }
#endif
