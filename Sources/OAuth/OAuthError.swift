package import RateLimiting

/// An answer that a client's developer can act on (RFC 6749 §5.2, RFC 7009 §2.2.1).
///
/// How it travels is the business of `Web`. The description is a literal by type: nothing from the request,
/// the database or a person can leak through it.
package struct OAuthError: Error, Sendable {
    package enum Code: String, Sendable, CaseIterable {
        case invalidRequest = "invalid_request"
        case invalidClient = "invalid_client"
        case invalidGrant = "invalid_grant"
        case unauthorizedClient = "unauthorized_client"
        case unsupportedGrantType = "unsupported_grant_type"
        case invalidScope = "invalid_scope"
        case serverError = "server_error"
        case temporarilyUnavailable = "temporarily_unavailable"
        // The authorization endpoint's own: RFC 6749 §4.1.2.1, OpenID Connect Core §3.1.2.6.
        case accessDenied = "access_denied"
        case unsupportedResponseType = "unsupported_response_type"
        case loginRequired = "login_required"
        case consentRequired = "consent_required"
        case requestURINotSupported = "request_uri_not_supported"
        case registrationNotSupported = "registration_not_supported"
        case invalidRequestURI = "invalid_request_uri"
        case invalidRequestObject = "invalid_request_object"
        /// RFC 8707 §2, RFC 8693 §2.2.2.
        case invalidTarget = "invalid_target"
        /// RFC 9470 §5.
        case unmetAuthenticationRequirements = "unmet_authentication_requirements"
        // RFC 9449 §5, §8.
        case invalidDPoPProof = "invalid_dpop_proof"
        case useDPoPNonce = "use_dpop_nonce"
        // RFC 8628 §3.5.
        case authorizationPending = "authorization_pending"
        case slowDown = "slow_down"
        case expiredToken = "expired_token"
        // OAuth 2.0 for First-Party Applications §5.2.
        case insufficientAuthorization = "insufficient_authorization"
        case invalidSession = "invalid_session"
        case redirectToWeb = "redirect_to_web"
        // RFC 7591 §3.2.2.
        case invalidRedirectURI = "invalid_redirect_uri"
        case invalidClientMetadata = "invalid_client_metadata"
        case invalidSoftwareStatement = "invalid_software_statement"
        // A protected resource's: RFC 6750 §3.1.
        case invalidToken = "invalid_token"
        case insufficientScope = "insufficient_scope"
    }

    package let code: Code
    package let description: StaticString
    /// Logged once at the edge, never sent.
    package let cause: (any Error)?
    /// Set when the answer is 429.
    package let limit: LimitRefusal?
    /// Set when the request's size alone is the reason: 413.
    package let isTooLarge: Bool
    /// A fresh nonce for the next proof (RFC 9449 §8).
    package let proofNonce: String?
    /// When to come back, if that is known and no limit's business.
    package let retryAfterSeconds: Int?

    package init(
        _ code: Code, _ description: StaticString, cause: (any Error)? = nil, limit: LimitRefusal? = nil,
        isTooLarge: Bool = false, proofNonce: String? = nil, retryAfterSeconds: Int? = nil
    ) {
        self.code = code
        self.description = description
        self.cause = cause
        self.limit = limit
        self.isTooLarge = isTooLarge
        self.proofNonce = proofNonce
        self.retryAfterSeconds = retryAfterSeconds
    }
}

extension OAuthError {
    package static func invalidRequest(_ description: StaticString) -> Self { Self(.invalidRequest, description) }
    package static func invalidGrant(_ description: StaticString) -> Self { Self(.invalidGrant, description) }
    package static func invalidScope(_ description: StaticString) -> Self { Self(.invalidScope, description) }
    package static let invalidClient = Self(.invalidClient, "client authentication failed")

    package static func unauthorizedClient(_ description: StaticString) -> Self {
        Self(.unauthorizedClient, description)
    }
    package static func serverError(_ cause: any Error) -> Self {
        Self(.serverError, "the request could not be completed", cause: cause)
    }
    package static func limited(_ refusal: LimitRefusal) -> Self {
        Self(.temporarilyUnavailable, "too many requests, see Retry-After", limit: refusal)
    }
}
