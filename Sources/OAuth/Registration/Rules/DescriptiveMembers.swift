import JOSE

/// The members that a stranger may set. Everything else is the operator's to give, or unknown here.
enum DescriptiveMembers {
    /// With an effect: what they mean is `ClientParser`'s business.
    private static let effective = [
        "redirect_uris", "post_logout_redirect_uris", "grant_types", "response_types", "scope",
        "token_endpoint_auth_method", "token_endpoint_auth_signing_alg", "jwks", "jwks_uri", "client_name",
        "id_token_signed_response_alg", "subject_type", "default_max_age", "dpop_bound_access_tokens",
        "tls_client_certificate_bound_access_tokens", "require_pushed_authorization_requests",
        "require_signed_request_object", "request_object_signing_alg", "backchannel_logout_uri",
        "backchannel_logout_session_required",
    ]
    /// Told and kept, and never followed (RFC 7591 §2).
    private static let pages = ["client_uri", "logo_uri", "policy_uri", "tos_uri"]
    private static let labels = ["software_id", "software_version", "application_type"]

    static func select(from members: JSONObject) throws(OAuthError) -> JSONObject {
        var selected = JSONObject()
        for name in effective + pages + labels + ["contacts"] {
            if let value = members[name], !value.isNull { selected[name] = value }
        }
        try check(selected)
        return selected
    }

    private static func check(_ metadata: JSONObject) throws(OAuthError) {
        if let name = metadata["client_name"], name.string.map({ $0.utf8.count <= 256 }) != true {
            throw .invalidClientMetadata("client_name must be a text of at most 256 bytes")
        }
        for member in pages {
            guard let value = metadata[member] else { continue }
            guard let uri = value.string.flatMap(RedirectURI.init), uri.scheme == "https" else {
                throw .invalidClientMetadata("client_uri, logo_uri, policy_uri and tos_uri must be https URLs")
            }
        }
        for member in labels {
            guard let value = metadata[member] else { continue }
            guard let text = value.string, text.utf8.count <= 256 else {
                throw .invalidClientMetadata("software_id, software_version and application_type must be short texts")
            }
        }
        guard let contacts = metadata["contacts"] else { return }
        guard let list = contacts.array, list.count <= 10,
            list.allSatisfy({ $0.string.map { $0.utf8.count <= 256 } ?? false })
        else { throw .invalidClientMetadata("contacts must be a list of at most ten short texts") }
    }
}
