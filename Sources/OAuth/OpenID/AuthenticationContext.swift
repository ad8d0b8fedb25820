/// How strongly a person was recognised (OpenID Connect Core §2, `acr`; RFC 9470).
package enum AuthenticationContext: String, Sendable, CaseIterable {
    /// One factor, whichever: NIST SP 800-63B calls it AAL1. What every sign-in here is.
    case oneFactor = "aal1"
}
