import JOSE

/// Where people may be sent to: an app that its address or its device vouches for (RFC 8252 §7, RFC 9700 §4.1).
enum RedirectURIRule {
    private static let most = 10

    static func apply(to metadata: inout JSONObject) throws(OAuthError) {
        let needsOne = metadata["grant_types"]?.array?.contains(.string(GrantType.authorizationCode.rawValue)) ?? false
        guard try uris("redirect_uris", of: metadata) > 0 || !needsOne else {
            throw OAuthError(.invalidRedirectURI, "redirect_uris is missing or empty")
        }
        _ = try uris("post_logout_redirect_uris", of: metadata)
    }

    /// How many there are, all of them good.
    private static func uris(_ member: String, of metadata: JSONObject) throws(OAuthError) -> Int {
        guard let value = metadata[member] else { return 0 }
        guard let list = value.array, list.count <= most else {
            throw OAuthError(.invalidRedirectURI, "redirect URIs must be a list of at most ten")
        }
        for entry in list {
            guard let uri = entry.string.flatMap(RedirectURI.init), isAllowed(uri) else {
                throw OAuthError(
                    .invalidRedirectURI,
                    "a redirect URI must be https, http at a loopback address, or have a scheme with a dot")
            }
        }
        return list.count
    }

    private static func isAllowed(_ uri: RedirectURI) -> Bool {
        switch uri.scheme {
        case "https": true
        case "http": uri.isAllowedInProduction
        // RFC 8252 §7.1: a domain name the other way round, which two apps do not share by accident.
        case let scheme: scheme.contains(".")
        }
    }
}
