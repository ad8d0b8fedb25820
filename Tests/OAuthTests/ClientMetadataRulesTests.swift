import Cryptography
import JOSE
import Testing

@testable import OAuth

/// What a stranger may say of a client.
@Suite struct ClientMetadataRulesTests {
    private let rules = ClientMetadataRules(scope: RegistrationSettings().scope)

    private static func object(_ text: String) throws -> JSONObject {
        try #require(try JSONValue(parsing: Array(text.utf8)).object)
    }

    /// A registration that is accepted.
    private static let good: JSONObject = [
        "redirect_uris": ["https://app.example/cb"], "client_name": "App",
        "grant_types": ["authorization_code", "refresh_token"], "scope": "openid phone",
    ]

    private func good(_ change: String) throws -> JSONObject {
        var members = Self.good
        for member in try Self.object("{\(change)}").members { members[member.name] = member.value }
        return members
    }

    @Test func `what a registration does not say is RFC 7591's default`() throws {
        let metadata = try rules.registration(["redirect_uris": ["https://app.example/cb"]])
        #expect(
            metadata == [
                "redirect_uris": ["https://app.example/cb"], "token_endpoint_auth_method": "client_secret_basic",
                "grant_types": ["authorization_code"], "response_types": ["code"],
                "scope": "openid profile phone email offline_access",
            ])
    }

    /// Each would be a right that only the operator gives.
    @Test(arguments: [
        #""first_party": true"#, #""phone_login": true"#, #""may_introspect": true"#,
        #""protected_resources": ["https://api.example"]"#, #""token_exchange": {"audiences": ["api"]}"#,
        #""kii": {"app_key": "0123456789"}"#, #""monaca": {"api_key": "0123456789"}"#,
        #""resources": ["https://api.example"]"#,
        #""test_numbers": [{"phone_number": "+819012345678", "code": "123456", "expires_at": 1}]"#,
        #""audience": ["api"]"#, #""require_pkce": false"#, #""link_uris": ["https://app.example/link"]"#,
        #""cors_origins": ["https://app.example"]"#, #""client_secret": "my own secret""#,
        #""client_secret_sha256": "\#(String(repeating: "0f", count: 32))""#, #""client_id": "another""#,
        #""project_id": "1""#, #""token_profile": "xsolla""#, #""access_token_lifetime": 31536000"#,
        #""sector_identifier_uri": "https://other.example/""#, #""logo_file": "/etc/passwd""#,
        #""texting_budget_daily": 1000000"#, #""allowed_countries": ["JP"]"#, #""registration_access_token": "x""#,
        #""x_unknown": {"a": 1}"#, #""client_uri": null"#,
    ])
    func `what is not a stranger's to say is left out`(_ member: String) throws {
        let plain = try rules.registration(Self.good)
        #expect(try rules.registration(good(member)) == plain)

        let client = try #require(
            Client(selfDescribed: plain, id: ClientID("reg-x"), secretDigest: SHA256Digest(of: "secret")))
        #expect(client.isSelfDescribed && client.requiresPKCE)
        #expect(!client.isFirstParty && !client.mayRunPhoneLogin && !client.mayIntrospect)
        #expect(client.audience == ["reg-x"])
        #expect(client.scope == Scope("openid phone"))
    }

    @Test(arguments: [
        (#""grant_types": ["authorization_code", "client_credentials"]"#, "grant_types", #"["authorization_code"]"#),
        (
            #""grant_types": ["urn:ietf:params:oauth:grant-type:token-exchange", "urn:ietf:params:oauth:grant-type:device_code"], "redirect_uris": [], "response_types": []"#,
            "grant_types", #"["urn:ietf:params:oauth:grant-type:device_code"]"#
        ),
        (#""scope": "openid admin email""#, "scope", #""openid email""#),
    ])
    func `of what exists for the operator's clients the rest is kept`(
        _ row: (change: String, member: String, left: String)
    ) throws {
        let left = try rules.registration(good(row.change))[row.member]
        #expect(left == (try JSONValue(parsing: Array(row.left.utf8))))
    }

    @Test(arguments: [
        #"["https://app.example/cb", "https://app.example/other?x=1"]"#,
        #"["http://127.0.0.1/cb", "http://[::1]:8080/cb"]"#,
        #"["http://localhost:3000/cb"]"#, #"["com.example.app:/cb"]"#,
    ])
    func `people may be sent to where an address or a device vouches for the app`(_ uris: String) throws {
        #expect(throws: Never.self) { try rules.registration(good(#""redirect_uris": \#(uris)"#)) }
    }

    /// One deviation each from a registration that is accepted.
    static let refusals: [(change: String, code: OAuthError.Code)] = [
        (#""redirect_uris": []"#, .invalidRedirectURI),
        (#""redirect_uris": null"#, .invalidRedirectURI),
        (#""redirect_uris": "https://app.example/cb""#, .invalidRedirectURI),
        (#""redirect_uris": [1]"#, .invalidRedirectURI),
        (#""redirect_uris": ["http://app.example/cb"]"#, .invalidRedirectURI),
        (#""redirect_uris": ["http://127.0.0.1.evil.example/cb"]"#, .invalidRedirectURI),
        (#""redirect_uris": ["https://app.example/cb#fragment"]"#, .invalidRedirectURI),
        (#""redirect_uris": ["https://*.app.example/cb"]"#, .invalidRedirectURI),
        (#""redirect_uris": ["https://user@app.example/cb"]"#, .invalidRedirectURI),
        (#""redirect_uris": ["javascript:alert(1)"]"#, .invalidRedirectURI),
        (#""redirect_uris": ["data:text/html,x"]"#, .invalidRedirectURI),
        (#""redirect_uris": ["myapp:/cb"]"#, .invalidRedirectURI),
        (#""redirect_uris": ["/cb"]"#, .invalidRedirectURI),
        (#""redirect_uris": ["https://app.example/cb", "http://app.example/cb"]"#, .invalidRedirectURI),
        (
            #""redirect_uris": [\#((0...10).map { "\"https://app.example/\($0)\"" }.joined(separator: ","))]"#,
            .invalidRedirectURI
        ),
        (#""post_logout_redirect_uris": ["http://app.example/bye"]"#, .invalidRedirectURI),
        (#""software_statement": "a.b.c""#, .invalidSoftwareStatement),
        (#""token_endpoint_auth_method": "client_secret_jwt""#, .invalidClientMetadata),
        (#""token_endpoint_auth_method": "tls_client_auth""#, .invalidClientMetadata),
        (#""token_endpoint_auth_method": 1"#, .invalidClientMetadata),
        (#""token_endpoint_auth_method": "private_key_jwt""#, .invalidClientMetadata),
        (#""token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": []}"#, .invalidClientMetadata),
        (
            #""jwks": {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}]}"#,
            .invalidClientMetadata
        ),
        (#""jwks": {"keys": []}, "jwks_uri": "https://app.example/jwks""#, .invalidClientMetadata),
        (#""jwks_uri": "http://app.example/jwks""#, .invalidClientMetadata),
        (#""grant_types": ["client_credentials"]"#, .invalidClientMetadata),
        (#""grant_types": ["refresh_token"]"#, .invalidClientMetadata),
        (#""grant_types": ["implicit"]"#, .invalidClientMetadata),
        (#""grant_types": []"#, .invalidClientMetadata),
        (#""grant_types": "authorization_code""#, .invalidClientMetadata),
        (#""response_types": ["token"]"#, .invalidClientMetadata),
        (#""response_types": ["code", "code id_token"]"#, .invalidClientMetadata),
        (#""response_types": []"#, .invalidClientMetadata),
        (
            #""grant_types": ["urn:ietf:params:oauth:grant-type:device_code"], "response_types": ["code"]"#,
            .invalidClientMetadata
        ),
        (#""scope": "admin""#, .invalidClientMetadata),
        (#""scope": "a\u0000b""#, .invalidClientMetadata),
        (#""scope": ["openid"]"#, .invalidClientMetadata),
        (#""client_name": 1"#, .invalidClientMetadata),
        (#""client_name": """#, .invalidClientMetadata),
        (#""client_name": "\#(String(repeating: "a", count: 257))""#, .invalidClientMetadata),
        (#""client_uri": "javascript:alert(1)""#, .invalidClientMetadata),
        (#""logo_uri": "http://app.example/logo""#, .invalidClientMetadata),
        (#""contacts": "me@app.example""#, .invalidClientMetadata),
        (#""software_id": 1"#, .invalidClientMetadata),
        (#""subject_type": "secret""#, .invalidClientMetadata),
        (#""id_token_signed_response_alg": "none""#, .invalidClientMetadata),
        (#""id_token_signed_response_alg": "HS256""#, .invalidClientMetadata),
        (#""dpop_bound_access_tokens": "yes""#, .invalidClientMetadata),
        (#""request_object_signing_alg": "none""#, .invalidClientMetadata),
        (#""backchannel_logout_uri": "ftp://app.example/""#, .invalidClientMetadata),
    ]

    @Test(arguments: refusals)
    func `what is left must be right`(_ row: (change: String, code: OAuthError.Code)) throws {
        let error = #expect(throws: OAuthError.self) { try rules.registration(good(row.change)) }
        #expect(error?.code == row.code)
    }

    // MARK: - Documents

    private static let url = "https://app.example/client"

    private func document(_ change: String = "") throws -> JSONObject {
        var members = Self.good
        members["client_id"] = .string(Self.url)
        for member in try Self.object("{\(change)}").members { members[member.name] = member.value }
        return members
    }

    @Test func `a document describes a public client`() throws {
        let client = try rules.document(document(), at: ClientID(Self.url))
        #expect(client.id.rawValue == Self.url)
        #expect(client.isPublic && client.isSelfDescribed && client.requiresPKCE && !client.isFirstParty)
        #expect(client.name == "App")
    }

    @Test func `or one that signs who it is`() throws {
        let keys =
            #"{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": "a"}]}"#
        let client = try rules.document(
            document(#""token_endpoint_auth_method": "private_key_jwt", "jwks": \#(keys)"#), at: ClientID(Self.url))
        #expect(client.authenticationMethod == .privateKeyJWT)
    }

    @Test(arguments: [
        #""client_id": null"#, #""client_id": "https://app.example/client/""#,
        #""client_id": "https://APP.example/client""#,
        #""client_id": "https://app.example/cli\u0065\u0301nt""#, #""client_id": 1"#, #""client_secret": "secret""#,
        #""client_secret": null"#, #""client_secret_expires_at": 0"#,
        #""token_endpoint_auth_method": "client_secret_basic""#, #""token_endpoint_auth_method": "client_secret_post""#,
        #""token_endpoint_auth_method": "client_secret_jwt""#, #""token_endpoint_auth_method": "private_key_jwt""#,
        #""redirect_uris": []"#, #""redirect_uris": ["http://app.example/cb"]"#, #""scope": "admin""#,
    ])
    func `a document that is not of its own address, or holds a secret, describes nobody`(_ change: String) throws {
        #expect(throws: OAuthError.self) { try rules.document(document(change), at: ClientID(Self.url)) }
    }
}
