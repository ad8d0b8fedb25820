package import Time

extension JWTClaims {
    /// What a token must say to be good here and now.
    package struct Expectation: Sendable {
        /// Nil: any, for when the caller compares `iss` itself.
        package var issuer: String?
        /// Must be among the token's audiences. Nil: any.
        package var audience: String?
        /// Forgives clocks that differ. Zero for tokens of our own, whose clock is ours.
        package var leewaySeconds: Int64
        package var requiresExpiry: Bool

        package init(
            issuer: String? = nil, audience: String? = nil, leewaySeconds: Int64 = 0, requiresExpiry: Bool = true
        ) {
            self.issuer = issuer
            self.audience = audience
            self.leewaySeconds = leewaySeconds
            self.requiresExpiry = requiresExpiry
        }
    }

    /// Checks the registered claims (RFC 7519 §4.1). With no leeway a token is dead from the very millisecond
    /// `exp` names.
    package func check(_ expectation: Expectation, at now: Timestamp) throws(JOSEError) {
        try checkTypes()
        try checkTimes(expectation, at: now)
        if let issuer = expectation.issuer {
            guard self.issuer?.hasSameBytes(as: issuer) == true else { throw .wrongIssuer }
        }
        if let audience = expectation.audience {
            guard self.audience.contains(where: { $0.hasSameBytes(as: audience) }) else { throw .wrongAudience }
        }
    }

    /// A claim of the wrong type must not pass for an absent one.
    private func checkTypes() throws(JOSEError) {
        for name in ["iss", "sub", "jti"] {
            if let value = members[name], value.string == nil { throw .malformedClaim }
        }
        for name in ["exp", "nbf", "iat"] {
            if let value = members[name], Self.time(value) == nil { throw .malformedClaim }
        }
        if let value = members["aud"], Self.audience(value) == nil { throw .malformedClaim }
    }

    private func checkTimes(_ expectation: Expectation, at now: Timestamp) throws(JOSEError) {
        let leeway = expectation.leewaySeconds * 1000
        if let expiresAt {
            guard now < expiresAt.adding(milliseconds: leeway) else { throw .expired }
        } else if expectation.requiresExpiry {
            throw .missingExpiry
        }
        let latest = now.adding(milliseconds: leeway)
        if let notBefore, latest < notBefore { throw .notYetValid }
        if let issuedAt, latest < issuedAt { throw .issuedInTheFuture }
    }
}
