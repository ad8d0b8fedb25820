import DeveloperLog
package import OAuth
package import RateLimiting
package import Storage
package import Time

extension TokenFixture {
    package func redeem(
        _ code: String, charging charges: [LimitCharge] = [], on store: SQLStore, at now: Timestamp = .noon
    ) async throws -> CodeRedemption {
        try await store.redeem(redeeming(code, at: now), charging: charges, from: .home, at: now)
    }

    package func rotate(
        _ token: String, to successor: String, charging charges: [LimitCharge] = [], on store: SQLStore,
        at now: Timestamp = .noon
    ) async throws -> RefreshRotation {
        try await store.rotate(rotating(token, to: successor, at: now), charging: charges, from: .home, at: now)
    }

    /// A login and its redemption: the grant, with `refreshToken` hanging from it.
    package func grant(
        holding refreshToken: String, login: PhoneLoginFixture = PhoneLoginFixture(), on store: SQLStore,
        at now: Timestamp = .noon
    ) async throws -> Grant {
        var presenting = self
        presenting.refreshToken = refreshToken
        let code = Unique.name("authorization code")
        try await login.signIn(authorizationCode: code, on: store, at: now)
        return try known(try await presenting.redeem(code, on: store, at: now).grant)
    }
}
