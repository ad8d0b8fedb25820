import Cryptography
package import Hummingbird
import JOSE
package import OAuth

/// `GET /projects/{project_id}/keys`: the RSA keys as Xsolla serves them, a bare array with `n` and `e` in
/// hexadecimal. For old clients; `/.well-known/jwks.json` is the standard form.
package struct ProjectKeysEndpoint: Sendable {
    private let keys: KeySet
    private let registry: ClientRegistry

    package init(keys: KeySet, registry: ClientRegistry) {
        self.keys = keys
        self.registry = registry
    }

    package func add(to router: Router<DenwaRequestContext>) {
        router.get("/projects/:project_id/keys") { _, context in
            let project = context.parameters.get("project_id") ?? ""
            guard registry.client(ofProject: project) != nil else {
                return ErrorEnvelope(.notFound, "003-061", "The client is unknown.").response
            }
            return .json(.ok, .array(keys.current.published.keys.compactMap(Self.hexadecimal)))
        }
    }

    private static func hexadecimal(_ key: JSONWebKey) -> JSONValue? {
        guard case .rsa(let modulus, let exponent) = key.verificationKey.parameters else { return nil }
        return [
            "alg": .string(key.algorithm.rawValue),
            "kid": .string(key.kid ?? key.thumbprint),
            "kty": "RSA",
            "use": "sig",
            "n": .string(Hex.encode(modulus)),
            "e": .string(Hex.encode(exponent)),
        ]
    }
}
