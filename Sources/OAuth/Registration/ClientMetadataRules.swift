import Cryptography
package import JOSE

/// What a stranger may say of a client (RFC 7591 §2): at the registration endpoint, or in a document of its own.
///
/// Members that would give it rights are left out, with those that mean nothing here, as §2 wants; the answer of a
/// registration shows what is left. What is left must be right.
package struct ClientMetadataRules: Sendable {
    /// What such clients may ask for at most.
    private let scope: Scope

    package init(scope: Scope) { self.scope = scope }

    /// What a registration may say.
    package func registration(_ members: JSONObject) throws(OAuthError) -> JSONObject {
        // RFC 7591 §2.3: a statement's values win over the plain ones, so to pass one over would register what its
        // issuer did not mean.
        guard members["software_statement"].isAbsent else {
            throw OAuthError(.invalidSoftwareStatement, "software statements are not accepted")
        }
        return try check(
            members,
            AuthenticationMethodRule(
                methods: [.clientSecretBasic, .clientSecretPost, .none, .privateKeyJWT], usual: .clientSecretBasic))
    }

    /// The client that a document at `id` describes. Anybody can read it, so no secret can be in it.
    package func document(_ members: JSONObject, at id: ClientID) throws(OAuthError) -> Client {
        guard members["client_id"]?.string?.utf8.elementsEqual(id.rawValue.utf8) == true else {
            throw .invalidClientMetadata("client_id is not the URL of the document")
        }
        guard members["client_secret"] == nil, members["client_secret_expires_at"] == nil else {
            throw .invalidClientMetadata("a public document holds a client_secret")
        }
        let metadata = try check(
            members, AuthenticationMethodRule(methods: [.none, .privateKeyJWT], usual: .none))
        guard let client = Client(selfDescribed: metadata, id: id, secretDigest: nil) else { throw Self.unusable }
        return client
    }

    private func check(
        _ members: JSONObject, _ authentication: AuthenticationMethodRule
    ) throws(OAuthError) -> JSONObject {
        var metadata = try DescriptiveMembers.select(from: members)
        try authentication.apply(to: &metadata)
        try GrantTypeRule.apply(to: &metadata)
        try RedirectURIRule.apply(to: &metadata)
        try ScopeRule(limit: scope).apply(to: &metadata)
        // The rest is held to what a client file is.
        let secret = AuthenticationMethodRule.needsSecret(metadata) ? SHA256Digest(of: "") : nil
        guard Client(selfDescribed: metadata, id: ClientID("candidate"), secretDigest: secret) != nil else {
            throw Self.unusable
        }
        return metadata
    }

    private static let unusable = OAuthError.invalidClientMetadata("a member has a value that is not supported")
}

extension OAuthError {
    package static func invalidClientMetadata(_ description: StaticString) -> Self {
        Self(.invalidClientMetadata, description)
    }
}

extension JSONValue? {
    /// RFC 7592 §2.2: `null` says the same as nothing.
    var isAbsent: Bool { self?.isNull ?? true }
}
