/// A set of public keys (RFC 7517 §5): what this server publishes, and what a client registers.
package struct JWKSet: Sendable, Equatable {
    package let keys: [JSONWebKey]

    /// More than any client has; a set costs one point check a key to read.
    package static let countLimit = 64

    package init(keys: [JSONWebKey]) { self.keys = keys }

    /// What may be published of `keys`: HS256 secrets are left out.
    package init(publishing keys: [JWSKey]) {
        self.keys = keys.compactMap { try? JSONWebKey(verificationKey: $0.verification, kid: $0.kid) }
    }

    /// Reads a set. Keys of kinds unknown here are passed over, as RFC 7517 §5 asks; a private key is refused
    /// loudly, because its owner has just published it.
    package init(json: JSONValue) throws(JOSEError) {
        guard let listed = json["keys"]?.array, listed.count <= Self.countLimit else { throw .malformedKey }
        var keys: [JSONWebKey] = []
        for entry in listed {
            do {
                keys.append(try JSONWebKey(json: entry))
            } catch .privateKeyMaterial {
                throw .privateKeyMaterial
            } catch {
                continue
            }
        }
        self.keys = keys
    }

    package init(parsing bytes: [UInt8]) throws(JOSEError) {
        guard let json = try? JSONValue(parsing: bytes) else { throw .malformedKey }
        try self.init(json: json)
    }

    package func json() -> JSONValue { ["keys": .array(keys.map { $0.json() })] }

    /// The key of that name. A token that names none gets a key only if there is no choice.
    package func key(_ kid: String?) -> JWSKey? {
        guard let kid else { return keys.count == 1 ? keys.first?.jwsKey : nil }
        return keys.first { $0.kid?.hasSameBytes(as: kid) == true }?.jwsKey
    }
}
