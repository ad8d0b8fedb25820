package import Accounts
package import Cryptography
package import DeveloperLog
package import RateLimiting
package import Time

/// What a device begins with: a code to poll with, and a code for the person to type.
package struct NewDeviceAuthorization: Sendable {
    package let deviceCode: SHA256Digest
    package let userCode: UserCodeDigest
    package let request: DeviceRequest
    /// The key that the request proved: only its holder may poll.
    package let confirmation: KeyConfirmation?
    package let intervalSeconds: Int
    package let expiresAt: Timestamp

    package init(
        deviceCode: SHA256Digest, userCode: UserCodeDigest, request: DeviceRequest,
        confirmation: KeyConfirmation? = nil,
        intervalSeconds: Int, expiresAt: Timestamp
    ) {
        self.deviceCode = deviceCode
        self.userCode = userCode
        self.request = request
        self.confirmation = confirmation
        self.intervalSeconds = intervalSeconds
        self.expiresAt = expiresAt
    }
}

/// What a device asks for.
package struct DeviceRequest: Sendable, Equatable {
    package let client: ClientID
    package let scope: Scope
    package let resources: Resources
    /// The kind of device, in words for the person; `nil` when nothing is known of it.
    package let askingDevice: String?

    package init(client: ClientID, scope: Scope, resources: Resources = .none, askingDevice: String?) {
        self.client = client
        self.scope = scope
        self.resources = resources
        self.askingDevice = askingDevice
    }
}

package enum DeviceAuthorizationOutcome: Sendable, Equatable {
    case begun
    /// Another device shows the same one: draw again.
    case userCodeTaken
    case limited(LimitRefusal)
}

/// A device that asks whether it may come in (RFC 8628 §3.4).
package struct DevicePoll: Sendable {
    package let deviceCode: SHA256Digest
    package let client: ClientID
    package let confirmation: KeyConfirmation?
    /// Stored if the grant asks for one; `nil` when the client may not use it.
    package let refreshToken: NewRefreshToken?
    /// The grant is kept at least this long.
    package let accessTokenExpiresAt: Timestamp

    package init(
        deviceCode: SHA256Digest, client: ClientID, confirmation: KeyConfirmation? = nil,
        refreshToken: NewRefreshToken?,
        accessTokenExpiresAt: Timestamp
    ) {
        self.deviceCode = deviceCode
        self.client = client
        self.confirmation = confirmation
        self.refreshToken = refreshToken
        self.accessTokenExpiresAt = accessTokenExpiresAt
    }
}

package enum DevicePollOutcome: Sendable, Equatable {
    /// The person said yes, and this poll is the one that gets the tokens.
    case redeemed(Grant)
    case pending
    /// It is pending, and the device did not wait as long as it was told to; from now on it waits longer.
    case tooEarly
    case denied
    case expired
    /// Never given out, another client's or key's, redeemed, or its grant has ended.
    case unknown
    case limited(LimitRefusal)
}

/// A user code that a browser brings, and perhaps the person's answer.
package struct UserCodePresentation: Sendable {
    /// `nil` when what was typed can be no code: a wrong guess all the same.
    package let userCode: UserCodeDigest?
    /// Of the session cookie.
    package let session: SHA256Digest?
    package let decision: DeviceDecision?

    package init(userCode: UserCodeDigest?, session: SHA256Digest?, decision: DeviceDecision? = nil) {
        self.userCode = userCode
        self.session = session
        self.decision = decision
    }
}

package struct DeviceDecision: Sendable {
    /// The session that the question was shown to: an answer is for whom it asked.
    package let session: SessionID
    package let isAllowed: Bool
    /// For the grant that a yes makes.
    package let grant: GrantID
    /// Whether somebody may sign in to that client at all.
    package let maySignIn: @Sendable (Session, DeviceRequest) -> Bool
    /// Whether the client wants to hear of the session's end (OpenID Connect Back-Channel Logout §2.2).
    package let isToldOfLogout: @Sendable (ClientID) -> Bool

    package init(
        session: SessionID, isAllowed: Bool, grant: GrantID,
        maySignIn: @escaping @Sendable (Session, DeviceRequest) -> Bool,
        isToldOfLogout: @escaping @Sendable (ClientID) -> Bool
    ) {
        self.isToldOfLogout = isToldOfLogout
        self.session = session
        self.isAllowed = isAllowed
        self.grant = grant
        self.maySignIn = maySignIn
    }
}

package enum UserCodeOutcome: Sendable, Equatable {
    /// The device waits for an answer; with the session that the cookie stands for.
    case waiting(DeviceRequest, Session?)
    case answered(DeviceRequest)
    /// Never shown by a device, expired, answered before: nobody learns which.
    case unknown
    case limited(LimitRefusal)
}

/// The acts of the device flow; each is one transaction.
package protocol DeviceAuthorizationStore: Sendable {
    func begin(
        _ authorization: NewDeviceAuthorization, charging charges: [LimitCharge], from origin: RequestOrigin,
        at now: Timestamp
    ) async throws -> DeviceAuthorizationOutcome

    /// Judges one poll, and spends the code when the answer was yes. For one code at most one call in the life of
    /// the database, over any number of processes, is `.redeemed`.
    ///
    /// - Parameter charges: what the tokens count against; a poll that gets none costs nothing.
    func poll(
        _ poll: DevicePoll, charging charges: [LimitCharge], from origin: RequestOrigin, at now: Timestamp
    ) async throws -> DevicePollOutcome

    /// Finds the device that shows a code, and takes the person's answer when there is one. The guess is counted
    /// first, then judged; a right one is given back.
    func present(
        _ presentation: UserCodePresentation, charging charges: [LimitCharge], from origin: RequestOrigin,
        at now: Timestamp
    ) async throws -> UserCodeOutcome
}
