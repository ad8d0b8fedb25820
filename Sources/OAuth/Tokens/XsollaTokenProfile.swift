import JOSE

/// The claims that Xsolla Login's tokens carry beside the standard ones, for clients with
/// `"token_profile": "xsolla"`.
enum XsollaTokenProfile {
    static func add(to claims: inout JSONObject, scope: Scope, client: Client) {
        claims["type"] = "phone"
        claims["scp"] = .array(scope.tokens.map(JSONValue.string))
        claims["groups"] = .array([])
        claims["xsolla_login_project_id"] = .string(client.projectID ?? client.id.rawValue)
        if let publisher = client.publisherID { claims["publisher_id"] = .integer(publisher) }
    }
}
