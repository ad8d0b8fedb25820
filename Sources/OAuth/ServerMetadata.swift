import Cryptography
package import JOSE

/// Authorization server metadata (RFC 8414 §2). Only what works is named.
package enum ServerMetadata {
    package static func document(issuer: Issuer) -> JSONValue {
        let authentication: JSONValue = ["client_secret_basic", "client_secret_post"]
        return [
            "issuer": .string(issuer.url),
            "token_endpoint": .string(issuer.appending("/oauth2/token")),
            "jwks_uri": .string(issuer.appending("/.well-known/jwks.json")),
            "introspection_endpoint": .string(issuer.appending("/oauth2/introspect")),
            "revocation_endpoint": .string(issuer.appending("/oauth2/revoke")),
            // The phone flow is an extension: there is no authorization endpoint, so no response type either.
            "response_types_supported": [],
            "grant_types_supported": .array(GrantType.allCases.map { .string($0.rawValue) }),
            "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
            "introspection_endpoint_auth_methods_supported": authentication,
            "revocation_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
            "code_challenge_methods_supported": ["S256"],
            "phone_login_request_endpoint": .string(issuer.appending("/oauth2/login/phone/request")),
            "phone_login_confirm_endpoint": .string(issuer.appending("/oauth2/login/phone/confirm")),
        ]
    }
}
