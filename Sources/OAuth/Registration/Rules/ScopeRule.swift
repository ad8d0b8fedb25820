import JOSE

/// What a self-described client may ask people for: what it named, as far as the operator lets strangers.
struct ScopeRule {
    let limit: Scope

    func apply(to metadata: inout JSONObject) throws(OAuthError) {
        guard let value = metadata["scope"] else {
            metadata["scope"] = .string(limit.text)
            return
        }
        guard let scope = value.string.flatMap(Scope.init) else { throw .invalidClientMetadata("scope is malformed") }
        let allowed = scope.tokens.filter(limit.contains)
        guard !allowed.isEmpty else {
            throw .invalidClientMetadata("scope holds nothing that is open to registration")
        }
        metadata["scope"] = .string(allowed.joined(separator: " "))
    }
}
