/// A private key, or an HMAC secret: loaded once, then used for signatures only.
///
/// The type of the key fixes the algorithm; nothing a token says can change it (RFC 8725 §3.1). Immutable after
/// `init`; any number of threads may sign with one key at the same time. OpenSSL's objects are freed exactly
/// once, when the last reference goes.
package final class SigningKey: Sendable {
    package let algorithm: SignatureAlgorithm
    package let verificationKey: VerificationKey
    private let mechanism: Mechanism

    private enum Mechanism: ~Copyable, Sendable {
        case asymmetric(PrivateKey)
        case mac(MACTemplate)
    }

    /// The key itself is kept for `pem()`; the template signs.
    private struct PrivateKey: ~Copyable, Sendable {
        let handle: KeyHandle
        let template: SignatureTemplate
    }

    /// Reads an unencrypted PKCS#8 key: EC P-256 signs ES256, RSA of 2048 bits or more RS256, Ed25519 EdDSA.
    /// Everything else is refused.
    package convenience init(pem: String) throws(CryptographyError) {
        try self.init(adopting: KeyHandle(pem: pem))
    }

    /// An HS256 secret of at least 32 bytes (RFC 7518 §3.2).
    package init(secret: [UInt8]) throws(CryptographyError) {
        guard secret.count >= Self.secretLength else { throw .secretTooShort }
        self.algorithm = .hs256
        self.verificationKey = VerificationKey(checkedSecret: secret)
        self.mechanism = .mac(MACTemplate(hmacSHA256: secret))
    }

    private init(adopting key: consuming KeyHandle) throws(CryptographyError) {
        let algorithm = try key.algorithm()
        let template = try SignatureTemplate(signingWith: key, algorithm: algorithm)
        self.algorithm = algorithm
        self.verificationKey = try VerificationKey(parameters: key.publicParameters(of: algorithm))
        self.mechanism = .asymmetric(PrivateKey(handle: key, template: template))
        // A file whose private and public halves differ would sign tokens that nobody can check.
        let probe = Array("denwa".utf8)
        guard verificationKey.verify(try sign(probe), of: probe) else { throw .inconsistentKey }
    }

    /// The least that RFC 7518 §3.2 allows, and as much as the hash can use.
    package static let secretLength = 32

    /// A new key from the system's randomness. `modulusBits` counts for RS256 only; 2048 is the least allowed.
    package static func generate(
        _ algorithm: SignatureAlgorithm, modulusBits: Int = 2048
    ) throws(CryptographyError) -> SigningKey {
        switch algorithm {
        case .hs256: try SigningKey(secret: Entropy.system.bytes(secretLength))
        default: try SigningKey(adopting: KeyHandle(generating: algorithm, modulusBits: modulusBits))
        }
    }

    /// The private key as PKCS#8. What it returns is the secret itself: for a file of mode 0600 and nothing else.
    package func pem() throws(CryptographyError) -> String {
        switch mechanism {
        case .mac: throw .notExportable
        case .asymmetric(let key): try key.handle.pem()
        }
    }

    /// The signature as a JWS carries it: for ES256 r ‖ s, 64 bytes (RFC 7518 §3.4).
    package func sign(_ message: [UInt8]) throws(CryptographyError) -> [UInt8] {
        switch mechanism {
        case .mac(let template):
            return template.authenticate(message)
        case .asymmetric(let key):
            let signature = try key.template.sign(message)
            return algorithm == .es256 ? try ECDSASignature.raw(fromDER: signature) : signature
        }
    }
}
