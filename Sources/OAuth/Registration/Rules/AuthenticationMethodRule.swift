import JOSE

/// How a self-described client proves who it is (RFC 7591 §2, `token_endpoint_auth_method`).
struct AuthenticationMethodRule {
    let methods: [ClientAuthenticationMethod]
    /// For metadata that names none.
    let usual: ClientAuthenticationMethod

    func apply(to metadata: inout JSONObject) throws(OAuthError) {
        let name = metadata["token_endpoint_auth_method"] ?? .string(usual.rawValue)
        guard let method = name.string.flatMap(ClientAuthenticationMethod.init), methods.contains(method) else {
            throw .invalidClientMetadata("token_endpoint_auth_method is not supported")
        }
        metadata["token_endpoint_auth_method"] = name
        let (keys, address) = (metadata["jwks"], metadata["jwks_uri"])
        if keys != nil, address != nil { throw .invalidClientMetadata("jwks and jwks_uri exclude each other") }
        if method == .privateKeyJWT, keys == nil, address == nil {
            throw .invalidClientMetadata("private_key_jwt needs jwks or jwks_uri")
        }
        if let keys { try Self.check(keys) }
    }

    static func needsSecret(_ metadata: JSONObject) -> Bool {
        let method = metadata["token_endpoint_auth_method"]?.string.flatMap(ClientAuthenticationMethod.init)
        return method == .clientSecretBasic || method == .clientSecretPost
    }

    private static func check(_ keys: JSONValue) throws(OAuthError) {
        do throws(JOSEError) {
            guard try !JWKSet(json: keys).keys.isEmpty else { throw .unsupportedKey }
        } catch .privateKeyMaterial {
            throw .invalidClientMetadata("jwks holds a private key, which is private no longer")
        } catch {
            throw .invalidClientMetadata("jwks holds no public key for ES256, RS256 or EdDSA")
        }
    }
}
