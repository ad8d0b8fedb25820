/// What a signature is checked with: a public key, or the secret itself for HS256.
///
/// Immutable after `init`; any number of threads may verify with one key at the same time.
package final class VerificationKey: Sendable {
    package let algorithm: SignatureAlgorithm
    package let parameters: PublicKeyParameters
    private let mechanism: Mechanism

    private enum Mechanism: ~Copyable, Sendable {
        case asymmetric(SignatureTemplate)
        case mac(MACTemplate)
    }

    /// Takes the members of a public JWK. The parameters decide the algorithm; throws `invalidPublicKey` when no
    /// key has them and `unsupportedKey` for RSA outside 2048 to 8192 bits.
    package init(parameters: PublicKeyParameters) throws(CryptographyError) {
        let key = try KeyHandle(parameters: parameters)
        self.algorithm = try key.algorithm()
        self.parameters = parameters
        self.mechanism = .asymmetric(try SignatureTemplate(verifyingWith: key, algorithm: algorithm))
    }

    /// The verifying side of an HS256 secret whose length was checked by `SigningKey`.
    init(checkedSecret secret: [UInt8]) {
        self.algorithm = .hs256
        self.parameters = .symmetric
        self.mechanism = .mac(MACTemplate(hmacSHA256: secret))
    }

    /// Takes the signature as a JWS carries it: for ES256 r ‖ s, 64 bytes (RFC 7518 §3.4).
    package func verify(_ signature: [UInt8], of message: [UInt8]) -> Bool {
        switch mechanism {
        case .mac(let template):
            return equalInConstantTime(template.authenticate(message), signature)
        case .asymmetric(let template):
            guard algorithm == .es256 else { return template.verify(signature, of: message) }
            guard let encoded = ECDSASignature.der(fromRaw: signature) else { return false }
            return template.verify(encoded, of: message)
        }
    }
}
