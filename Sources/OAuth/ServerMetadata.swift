import Cryptography
package import JOSE

/// Authorization server metadata (RFC 8414 §2, OpenID Connect Discovery §3): one document at both well-known
/// addresses. Only what works is named.
package enum ServerMetadata {
    /// What depends on the configuration.
    package struct Features: Sendable {
        /// Whether clients' TLS certificates are seen here.
        package var seesCertificates = false
        /// Whether clients can register themselves (RFC 7591).
        package var registersClients = false
        /// Whether a client can be the URL of a document about itself.
        package var readsClientDocuments = false

        package init() {}
    }

    package static func document(issuer: Issuer, features: Features) -> JSONValue {
        let endpoints: [(String, String)] = [
            ("authorization_endpoint", "/oauth2/authorize"), ("token_endpoint", "/oauth2/token"),
            ("userinfo_endpoint", "/oauth2/userinfo"), ("end_session_endpoint", "/oauth2/end_session"),
            ("jwks_uri", "/.well-known/jwks.json"), ("introspection_endpoint", "/oauth2/introspect"),
            ("revocation_endpoint", "/oauth2/revoke"), ("revocation_stream_endpoint", "/oauth2/revocations"),
            ("pushed_authorization_request_endpoint", "/oauth2/par"),
            ("authorization_challenge_endpoint", "/oauth2/challenge"),
            ("device_authorization_endpoint", "/oauth2/device_authorization"),
            ("phone_login_request_endpoint", "/oauth2/login/phone/request"),
            ("phone_login_confirm_endpoint", "/oauth2/login/phone/confirm"),
        ]
        var document: JSONObject = ["issuer": .string(issuer.url)]
        for (name, path) in endpoints { document[name] = .string(issuer.appending(path)) }
        for (name, value) in capabilities { document[name] = value }
        if features.registersClients {
            document["registration_endpoint"] = .string(issuer.appending(RegistrationEndpoint.path))
        }
        if features.readsClientDocuments { document["client_id_metadata_document_supported"] = true }
        if features.seesCertificates { document["tls_client_certificate_bound_access_tokens"] = true }
        return .object(document)
    }

    private static let capabilities: [(String, JSONValue)] = {
        let everybody = names(ClientAuthenticationMethod.allCases)
        let published = SignatureAlgorithm.allCases.filter { !$0.isSymmetric }
        return [
            ("response_types_supported", ["code"]),
            ("response_modes_supported", names(ResponseMode.allCases)),
            ("grant_types_supported", names(GrantType.allCases)),
            ("scopes_supported", ["openid", "phone", "profile", "email", "offline_access", "offline"]),
            (
                "claims_supported",
                [
                    "sub", "phone_number", "phone_number_verified", "email", "email_verified", "name",
                    "preferred_username", "locale", "updated_at",
                ]
            ),
            ("subject_types_supported", names(SubjectType.allCases)),
            ("id_token_signing_alg_values_supported", names(published)),
            ("acr_values_supported", names(AuthenticationContext.allCases)),
            ("prompt_values_supported", names(Prompt.allCases)),
            ("ui_locales_supported", .array(uiLocales.map(JSONValue.string))),
            ("code_challenge_methods_supported", ["S256"]),
            ("token_endpoint_auth_methods_supported", everybody),
            (
                "introspection_endpoint_auth_methods_supported",
                names(ClientAuthenticationMethod.allCases.filter { $0 != .none })
            ),
            ("revocation_endpoint_auth_methods_supported", everybody),
            ("token_endpoint_auth_signing_alg_values_supported", names(SignatureAlgorithm.allCases)),
            ("introspection_endpoint_auth_signing_alg_values_supported", names(SignatureAlgorithm.allCases)),
            ("revocation_endpoint_auth_signing_alg_values_supported", names(SignatureAlgorithm.allCases)),
            ("introspection_signing_alg_values_supported", names(published)),
            ("dpop_signing_alg_values_supported", names(published)),
            ("require_pushed_authorization_requests", false),
            ("request_object_signing_alg_values_supported", names(published)),
            ("require_signed_request_object", false),
            ("authorization_response_iss_parameter_supported", true),
            ("backchannel_logout_supported", true),
            ("backchannel_logout_session_supported", true),
            ("claims_parameter_supported", false),
            ("request_parameter_supported", true),
            // Its default promises support, so the refusal is said aloud (OpenID Connect Discovery §3).
            ("request_uri_parameter_supported", false),
        ]
    }()

    /// The languages of the pages (BCP 47).
    package static let uiLocales = ["en", "ja", "zh-Hans", "ko", "es", "fr", "de", "pt", "ar"]

    private static func names<Choice: RawRepresentable>(_ choices: [Choice]) -> JSONValue
    where Choice.RawValue == String { .array(choices.map { .string($0.rawValue) }) }
}
