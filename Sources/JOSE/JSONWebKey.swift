package import Cryptography

/// A public key as JSON (RFC 7517). Private and symmetric keys have no such form here: they cannot be published
/// by mistake.
package struct JSONWebKey: Sendable {
    package let kid: String?
    package let verificationKey: VerificationKey

    package init(verificationKey: VerificationKey, kid: String?) throws(JOSEError) {
        guard !verificationKey.algorithm.isSymmetric else { throw .privateKeyMaterial }
        self.verificationKey = verificationKey
        self.kid = kid
    }

    package var algorithm: SignatureAlgorithm { verificationKey.algorithm }

    /// To check signatures with. A key without a `kid` goes by its thumbprint.
    package var jwsKey: JWSKey { JWSKey(kid: kid ?? thumbprint, verification: verificationKey) }

    /// What identifies the key itself, whatever it is called (RFC 7638): the SHA-256, in base64url, of its
    /// required members in the order of their names.
    package var thumbprint: String {
        let sorted = JSONObject(uniqueMembers: required.members.sorted { $0.name < $1.name })
        return SHA256Digest(of: sorted.serialized()).base64URL
    }

    package func json() -> JSONValue {
        var object = required
        object["use"] = "sig"
        object["alg"] = .string(algorithm.rawValue)
        object["kid"] = kid.map(JSONValue.string)
        return .object(object)
    }

    /// The members RFC 7638 §3.2 and RFC 8037 §2 call required.
    private var required: JSONObject {
        switch verificationKey.parameters {
        case .ec(let x, let y): ["kty": "EC", "crv": "P-256", "x": Self.text(x), "y": Self.text(y)]
        case .rsa(let n, let e): ["kty": "RSA", "n": Self.text(n), "e": Self.text(e)]
        case .okp(let x): ["kty": "OKP", "crv": "Ed25519", "x": Self.text(x)]
        case .symmetric: preconditionFailure("init lets no symmetric key in")
        }
    }

    private static func text(_ bytes: [UInt8]) -> JSONValue { .string(Base64URL.encode(bytes)) }
}

extension JSONWebKey: Equatable {
    package static func == (lhs: JSONWebKey, rhs: JSONWebKey) -> Bool {
        lhs.kid == rhs.kid && lhs.verificationKey.parameters == rhs.verificationKey.parameters
    }
}
