/// How the answer travels back to the app (OAuth 2.0 Multiple Response Type Encoding Practices §2.1, Form Post
/// Response Mode). There is no `fragment`: it exists for flows that hand out tokens.
package enum ResponseMode: String, Sendable, CaseIterable {
    case query
    case formPost = "form_post"
}

/// Where the answer to an authorization request goes: known only after the redirect URI was verified.
package struct AuthorizationTarget: Sendable {
    package let client: Client
    package let redirect: VerifiedRedirect
    package let state: String?
    package let mode: ResponseMode
    let issuer: Issuer

    package func response(code: String) -> AuthorizationResponse { response([("code", code)]) }

    package func response(_ error: OAuthError) -> AuthorizationResponse {
        response([("error", error.code.rawValue), ("error_description", "\(error.description)")])
    }

    /// `state` byte for byte, and `iss` in every answer, so that an app that uses several servers cannot be made
    /// to mix them up (RFC 9207).
    private func response(_ parameters: [(name: String, value: String)]) -> AuthorizationResponse {
        var parameters = parameters
        if let state { parameters.append(("state", state)) }
        parameters.append(("iss", issuer.url))
        switch mode {
        case .query: return .redirect(redirect.appending(parameters))
        case .formPost: return .formPost(redirect.uri, parameters)
        }
    }
}

/// An answer on its way to the app.
package enum AuthorizationResponse: Sendable {
    case redirect(String)
    case formPost(String, [(name: String, value: String)])
}
