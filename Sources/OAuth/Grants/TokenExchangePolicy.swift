/// What a client may exchange tokens for (RFC 8693 §2.1).
package struct TokenExchangePolicy: Sendable, Equatable {
    /// Names of clients or services that it may get tokens for.
    package var audiences: [String] = []
    package var resources = Resources.none
    /// Whether it may act as the user without being named in the token (RFC 8693 §1.1).
    package var allowsImpersonation = false

    package init() {}
}
