package import Cryptography
package import Time

/// Names a session to apps, as the `sid` claim (OpenID Connect Front-Channel Logout §3): it opens nothing.
package struct SessionID: Hashable, Sendable {
    /// 128 random bits in base64url.
    package let rawValue: String
    package init(_ rawValue: String) { self.rawValue = rawValue }
}

/// A browser's sign-in at this server: what lets a second app sign the person in without another text.
package struct Session: Sendable, Equatable {
    package let id: SessionID
    package let account: AccountID
    /// The number that signs in to the account, as people know it; `nil` when it has none any more.
    package let phoneNumber: String?
    /// The client whose test number this is; `nil` for people.
    package let testClient: String?
    /// When the person proved who they are (`auth_time`).
    package let authenticatedAt: Timestamp
    package let methods: [AuthenticationMethod]

    package init(
        id: SessionID, account: AccountID, phoneNumber: String?, testClient: String? = nil,
        authenticatedAt: Timestamp, methods: [AuthenticationMethod]
    ) {
        self.id = id
        self.account = account
        self.phoneNumber = phoneNumber
        self.testClient = testClient
        self.authenticatedAt = authenticatedAt
        self.methods = methods
    }
}

/// Lifetimes of sessions in seconds; see `session.*` in the configuration reference.
package struct SessionSettings: Sendable, Equatable {
    /// A session that nobody used for so long is over.
    package var idleLifetimeSeconds = 259_200
    /// Over all the same after so long, however much it is used.
    package var lifetimeSeconds = 2_592_000

    package init() {}
}

/// A session about to begin. It takes the place of the one that the browser had: what a browser holds before
/// a sign-in is worth nothing after it.
package struct NewSession: Sendable {
    package let id: SessionID
    /// Of the cookie's value.
    package let digest: SHA256Digest
    package let replacing: SHA256Digest?
    /// The kind of browser, in words for its owner; `nil` when nothing is known of it.
    package let device: String?
    package let idleUntil: Timestamp
    package let expiresAt: Timestamp

    package init(
        token: String, replacing old: String?, device: String? = nil, settings: SessionSettings, entropy: Entropy,
        at now: Timestamp
    ) {
        self.device = device
        id = SessionID(entropy.identifier())
        digest = SHA256Digest(of: token)
        replacing = old.map { SHA256Digest(of: $0) }
        idleUntil = now.adding(seconds: settings.idleLifetimeSeconds)
        expiresAt = now.adding(seconds: settings.lifetimeSeconds)
    }
}
