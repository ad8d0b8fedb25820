package import OAuth

/// A login that an app runs itself, as it was begun.
package struct AppLogin: Sendable, Equatable {
    /// E.164.
    package let number: String
    /// The known device that its texts count for.
    package let device: String?
    package let state: String
    package let scope: Scope
    package let resources: Resources
    /// `nil` when the request named none.
    package let redirectURI: String?
    package let codeChallenge: CodeChallenge?
    package let nonce: String?
    package let keyThumbprint: String?

    package init(
        number: String, device: String?, state: String, scope: Scope, resources: Resources, redirectURI: String?,
        codeChallenge: CodeChallenge?, nonce: String?, keyThumbprint: String?
    ) {
        self.number = number
        self.device = device
        self.state = state
        self.scope = scope
        self.resources = resources
        self.redirectURI = redirectURI
        self.codeChallenge = codeChallenge
        self.nonce = nonce
        self.keyThumbprint = keyThumbprint
    }
}
