import JOSE

/// What a self-described client may do (RFC 7591 §2.1): people sign in to it, and nothing without them.
enum GrantTypeRule {
    private static let allowed: [GrantType] = [.authorizationCode, .refreshToken, .deviceCode]

    static func apply(to metadata: inout JSONObject) throws(OAuthError) {
        let grants = try grants(metadata)
        metadata["grant_types"] = .array(grants.map { .string($0.rawValue) })
        guard let types = metadata["response_types"] else {
            metadata["response_types"] = grants.contains(.authorizationCode) ? ["code"] : []
            return
        }
        guard let names = types.array, names.allSatisfy({ $0 == "code" }) else {
            throw .invalidClientMetadata("response_types: only code is supported")
        }
        guard names.isEmpty != grants.contains(.authorizationCode) else {
            throw .invalidClientMetadata("grant_types and response_types do not fit each other")
        }
    }

    /// Those that exist here for strangers; at least one by which somebody can sign in.
    private static func grants(_ metadata: JSONObject) throws(OAuthError) -> [GrantType] {
        let asked = metadata["grant_types"] ?? [.string(GrantType.authorizationCode.rawValue)]
        guard let names = asked.array, names.count <= 16, names.allSatisfy({ $0.string != nil }) else {
            throw .invalidClientMetadata("grant_types must be a list of texts")
        }
        let grants = allowed.filter { names.contains(.string($0.rawValue)) }
        guard grants.contains(where: { $0 != .refreshToken }) else {
            throw .invalidClientMetadata("grant_types holds none by which somebody can sign in")
        }
        return grants
    }
}
