package import Cryptography

/// A named key. Its algorithm, not the header of a token, decides how a signature is made and checked.
package struct JWSKey: Sendable {
    package let kid: String
    package let algorithm: SignatureAlgorithm
    let signing: SigningKey?
    let verification: VerificationKey

    /// Signs and verifies.
    package init(kid: String, signing: SigningKey) {
        self.kid = kid
        self.algorithm = signing.algorithm
        self.signing = signing
        self.verification = signing.verificationKey
    }

    /// Only verifies.
    package init(kid: String, verification: VerificationKey) {
        self.kid = kid
        self.algorithm = verification.algorithm
        self.signing = nil
        self.verification = verification
    }
}
