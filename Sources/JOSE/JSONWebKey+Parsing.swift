import Cryptography

extension JSONWebKey {
    /// Members that only a private or symmetric key has (RFC 7518 §6.2.2, §6.3.2, §6.4.1).
    private static let privateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"]

    /// Reads one public signing key. `unsupportedKey` says the key may be good but is of no use here.
    package init(json: JSONValue) throws(JOSEError) {
        guard let members = json.object else { throw .malformedKey }
        guard !Self.privateMembers.contains(where: { members[$0] != nil }) else { throw .privateKeyMaterial }
        let parameters = try Self.parameters(members)
        try Self.checkUse(members)
        do {
            verificationKey = try VerificationKey(parameters: parameters)
        } catch .unsupportedKey {
            throw .unsupportedKey
        } catch {
            throw .malformedKey
        }
        kid = try Self.text("kid", in: members)
        // A key for PS256 or for encryption must not check RS256 signatures (RFC 7517 §4.4).
        let algorithm = try Self.text("alg", in: members)
        guard algorithm == nil || algorithm == verificationKey.algorithm.rawValue else { throw .unsupportedKey }
    }

    private static func parameters(_ members: JSONObject) throws(JOSEError) -> PublicKeyParameters {
        guard let type = try text("kty", in: members) else { throw .malformedKey }
        switch (type, try text("crv", in: members)) {
        case ("EC", "P-256"): return .ec(x: try bytes("x", in: members), y: try bytes("y", in: members))
        case ("RSA", _): return .rsa(n: try bytes("n", in: members), e: try bytes("e", in: members))
        case ("OKP", "Ed25519"): return .okp(x: try bytes("x", in: members))
        default: throw .unsupportedKey
        }
    }

    /// RFC 7517 §4.2 and §4.3: a key may say what it is for, and then it is for nothing else.
    private static func checkUse(_ members: JSONObject) throws(JOSEError) {
        if let use = try text("use", in: members), use != "sig" { throw .unsupportedKey }
        guard let operations = members["key_ops"] else { return }
        guard let operations = operations.array else { throw .malformedKey }
        guard operations.contains("verify") else { throw .unsupportedKey }
    }

    private static func text(_ name: String, in members: JSONObject) throws(JOSEError) -> String? {
        guard let member = members[name] else { return nil }
        guard let text = member.string else { throw .malformedKey }
        return text
    }

    private static func bytes(_ name: String, in members: JSONObject) throws(JOSEError) -> [UInt8] {
        guard let text = try text(name, in: members), let bytes = Base64URL.decode(text) else {
            throw .malformedKey
        }
        return bytes
    }
}
