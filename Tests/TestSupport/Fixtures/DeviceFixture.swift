package import Accounts
import Cryptography
import DeveloperLog
package import OAuth
package import RateLimiting
package import Storage
package import Time

/// A device without a keyboard, and the person who reads its code.
package struct DeviceFixture: Sendable {
    package var client = ClientID("tv")
    package var scope = "openid"
    package var intervalSeconds = 5
    package var lifetimeSeconds = 600
    /// `nil` when the client may not have one.
    package var refreshToken: String?
    /// Of wrong user codes.
    package var guesses: Limit?
    /// Whether the person may sign in to the client.
    package var maySignIn = true

    package static let userCodes = UserCodeKey(secret: TestSecret.bytes)

    package init() {}

    package func begin(
        _ deviceCode: String, showing userCode: String, charging charges: [LimitCharge] = [], on store: SQLStore,
        at now: Timestamp = .noon
    ) async throws -> DeviceAuthorizationOutcome {
        try await store.begin(
            NewDeviceAuthorization(
                deviceCode: SHA256Digest(of: deviceCode),
                userCode: Self.userCodes.digest(of: try known(UserCode(userCode))),
                request: DeviceRequest(
                    client: client, scope: try known(Scope(scope)), askingDevice: "PlayStation"),
                intervalSeconds: intervalSeconds, expiresAt: now.adding(seconds: lifetimeSeconds)),
            charging: charges, from: .home, at: now)
    }

    package func poll(
        _ deviceCode: String, charging charges: [LimitCharge] = [], on store: SQLStore, at now: Timestamp = .noon
    ) async throws -> DevicePollOutcome {
        let refreshToken = refreshToken.map {
            NewRefreshToken(digest: SHA256Digest(of: $0), expiresAt: now.adding(seconds: 86_400))
        }
        return try await store.poll(
            DevicePoll(
                deviceCode: SHA256Digest(of: deviceCode), client: client, refreshToken: refreshToken,
                accessTokenExpiresAt: now.adding(seconds: 3600)),
            charging: charges, from: .home, at: now)
    }

    /// - Parameter session: the browser's cookie.
    package func look(
        at userCode: String?, session: String? = nil, on store: SQLStore, at now: Timestamp = .noon
    ) async throws -> UserCodeOutcome {
        try await present(userCode, session: session, decision: nil, on: store, at: now)
    }

    /// - Parameter shownTo: whose session the question was shown to, when it is not the browser's.
    package func answer(
        _ isAllowed: Bool, to userCode: String, session: String, shownTo: SessionID? = nil, on store: SQLStore,
        at now: Timestamp = .noon
    ) async throws -> UserCodeOutcome {
        let current = try await store.session(SHA256Digest(of: session), at: now)?.id
        let decision = DeviceDecision(
            session: shownTo ?? current ?? SessionID("nobody's"), isAllowed: isAllowed,
            grant: GrantID(Unique.name("grant")), maySignIn: { [maySignIn] _, _ in maySignIn },
            isToldOfLogout: { _ in false })
        return try await present(userCode, session: session, decision: decision, on: store, at: now)
    }

    private func present(
        _ userCode: String?, session: String?, decision: DeviceDecision?, on store: SQLStore, at now: Timestamp
    ) async throws -> UserCodeOutcome {
        let charge = LimitCharge(.userCodePerIP, guesses, subject: "203.0.113.7")
        return try await store.present(
            UserCodePresentation(
                userCode: userCode.flatMap { UserCode($0) }.map(Self.userCodes.digest),
                session: session.map { SHA256Digest(of: $0) }, decision: decision),
            charging: charge.map { [$0] } ?? [], from: .home, at: now)
    }
}

extension DevicePollOutcome {
    package var grant: Grant? {
        guard case .redeemed(let grant) = self else { return nil }
        return grant
    }
}

extension UserCodeOutcome {
    package var isAnswered: Bool {
        guard case .answered = self else { return false }
        return true
    }
}
