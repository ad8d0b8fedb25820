#if canImport(CCrypto) && !canImport(CryptoKit)
    import CCrypto
    import Foundation

    enum Digest {
        static func sha256(_ message: Data) -> Data {
            let message = [UInt8](message)
            let digest = unsafe [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
                count = unsafe denwa_sha256(message, message.count, buffer.baseAddress) == 1 ? 32 : 0
            }
            precondition(digest.count == 32, "libcrypto has no SHA-256")
            return Data(digest)
        }
    }

    typealias PlatformKey = OpenSSLKey

    /// Its private key as DER, which libcrypto reads anew each time: a proof a request is seldom enough.
    struct OpenSSLKey: DeviceKey {
        let representation: Data

        static func generate() throws -> Self {
            let der = unsafe [UInt8](unsafeUninitializedCapacity: 512) { buffer, count in
                count = unsafe denwa_generate_p256(buffer.baseAddress, buffer.count)
            }
            return try Self(representation: Data(der))
        }

        init(representation: Data) throws {
            self.representation = representation
            _ = try publicPoint
        }

        var publicPoint: Data {
            get throws {
                let der = [UInt8](representation)
                let point = unsafe [UInt8](unsafeUninitializedCapacity: 65) { buffer, count in
                    count = unsafe denwa_p256_point(der, der.count, buffer.baseAddress) == 1 ? 65 : 0
                }
                guard point.count == 65 else { throw Refused() }
                return Data(point.dropFirst())
            }
        }

        func signature(for message: Data) throws -> Data {
            let (der, message) = ([UInt8](representation), [UInt8](message))
            let signature = unsafe [UInt8](unsafeUninitializedCapacity: 64) { buffer, count in
                let done = unsafe denwa_p256_sign(der, der.count, message, message.count, buffer.baseAddress)
                count = done == 1 ? 64 : 0
            }
            guard signature.count == 64 else { throw Refused() }
            return Data(signature)
        }

        /// libcrypto did not take the key.
        struct Refused: Error {}
    }
#endif
