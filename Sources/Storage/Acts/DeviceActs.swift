import Accounts
package import DeveloperLog
package import OAuth
package import RateLimiting
package import Time

extension SQLStore: DeviceAuthorizationStore {
    package func begin(
        _ authorization: NewDeviceAuthorization, charging charges: [LimitCharge], from origin: RequestOrigin,
        at now: Timestamp
    ) async throws -> DeviceAuthorizationOutcome {
        try await engine.write { connection in
            let request = authorization.request
            if let refusal = try await connection.chargeTokenRequest(
                charges, client: request.client, origin: origin, at: now)
            {
                return .limited(refusal)
            }
            let isFree =
                try await connection.run(
                    """
                    INSERT INTO device_authorization
                        (digest, user_code, client_id, scope, resources, asking_device, confirmation,
                        interval_seconds, expires_at)
                    VALUES (\(authorization.deviceCode), \(authorization.userCode), \(request.client), \(request.scope),
                        \(request.resources), \(request.askingDevice), \(authorization.confirmation),
                        \(authorization.intervalSeconds), \(authorization.expiresAt))
                    ON CONFLICT (user_code) DO NOTHING
                    """) == 1
            guard isFree else {
                for charge in charges { try await connection.refund(charge) }
                return .userCodeTaken
            }
            return .begun
        }
    }

    package func poll(
        _ poll: DevicePoll, charging charges: [LimitCharge], from origin: RequestOrigin, at now: Timestamp
    ) async throws -> DevicePollOutcome {
        try await engine.write { connection in
            try await DevicePollJudge(connection: connection, poll: poll, origin: origin, now: now)
                .judge(charging: charges)
        }
    }

    package func present(
        _ presentation: UserCodePresentation, charging charges: [LimitCharge], from origin: RequestOrigin,
        at now: Timestamp
    ) async throws -> UserCodeOutcome {
        try await engine.write { connection in
            try await UserCodeJudge(connection: connection, presentation: presentation, origin: origin, now: now)
                .judge(charging: charges)
        }
    }
}

/// One poll of a device, inside its transaction.
private struct DevicePollJudge {
    /// RFC 8628 §3.5, `slow_down`.
    private static let slowdownSeconds = 5

    let connection: any SQLConnection
    let poll: DevicePoll
    let origin: RequestOrigin
    let now: Timestamp

    func judge(charging charges: [LimitCharge]) async throws -> DevicePollOutcome {
        // The statement that notes the poll also takes the row for this act alone: of polls that race each is judged
        // by what the one before it left.
        let row = try await connection.first(
            """
            UPDATE device_authorization SET polled_before = polled_at, polled_at = \(now)
            WHERE digest = \(poll.deviceCode) AND client_id = \(poll.client)
                AND (confirmation IS NULL OR confirmation = \(poll.confirmation))
            RETURNING expires_at, is_allowed, grant_id, polled_before, interval_seconds
            """)
        guard let row else {
            try await record(.codeRefused, "a device code is unknown, redeemed, or of another client or key")
            return .unknown
        }
        guard now < (try row.time(0)) else { return .expired }
        guard let isAllowed = try row.optionalInteger(1) else {
            return try await wait(since: try row.optionalTime(3), intervalSeconds: Int(try row.integer(4)))
        }
        guard isAllowed != 0 else { return .denied }
        return try await redeem(GrantID(try row.text(2)), charging: charges)
    }

    private func wait(since last: Timestamp?, intervalSeconds: Int) async throws -> DevicePollOutcome {
        guard let last, now < last.adding(seconds: intervalSeconds) else { return .pending }
        try await connection.send(
            """
            UPDATE device_authorization SET interval_seconds = \(intervalSeconds + Self.slowdownSeconds)
            WHERE digest = \(poll.deviceCode)
            """)
        return .tooEarly
    }

    private func redeem(_ id: GrantID, charging charges: [LimitCharge]) async throws -> DevicePollOutcome {
        let refusal = try await connection.chargeTokenRequest(charges, client: poll.client, origin: origin, at: now)
        if let refusal { return .limited(refusal) }
        try await connection.send("DELETE FROM device_authorization WHERE digest = \(poll.deviceCode)")
        guard let grant = try await connection.liveGrant(id) else {
            try await record(.codeRefused, "the grant of a device is revoked or its account disabled")
            return .unknown
        }
        try await connection.furnish(
            grant, with: poll.refreshToken, accessTokenExpiresAt: poll.accessTokenExpiresAt)
        return .redeemed(grant)
    }

    private func record(_ kind: SecurityEvent.Kind, _ reason: StaticString) async throws {
        try await connection.record(
            SecurityEvent(kind, at: now, origin: origin, clientID: poll.client.rawValue, reason: reason))
    }
}

/// One look at a user code, or one answer, inside its transaction.
private struct UserCodeJudge {
    let connection: any SQLConnection
    let presentation: UserCodePresentation
    let origin: RequestOrigin
    let now: Timestamp

    func judge(charging charges: [LimitCharge]) async throws -> UserCodeOutcome {
        if let refusal = try await connection.charge(charges, at: now) {
            try await connection.record(
                SecurityEvent(
                    .userCodeRefused, at: now, origin: origin, rule: refusal.name.rawValue, reason: "limit reached",
                    retryAfterSeconds: refusal.retryAfterSeconds))
            return .limited(refusal)
        }
        guard let (request, expiresAt) = try await waiting() else { return try await refuse() }
        for charge in charges { try await connection.refund(charge) }
        let session = try await session()
        guard let decision = presentation.decision, let session, session.id == decision.session,
            decision.maySignIn(session, request)
        else { return .waiting(request, session) }
        // Whoever ends the session meanwhile ends what comes of it here, too.
        guard let browser = presentation.session, try await connection.hold(browser, at: now) != nil else {
            return .waiting(request, nil)
        }
        guard try await answer(decision) else { return try await refuse() }
        if decision.isAllowed {
            try await connection.insert(
                Grant(
                    id: decision.grant, account: session.account, client: request.client, scope: request.scope,
                    resources: request.resources, authenticatedAt: session.authenticatedAt, methods: session.methods,
                    session: session.id),
                expiresAt: expiresAt)
            if decision.isToldOfLogout(request.client) {
                try await connection.remember(request.client, toBeToldOf: browser)
            }
            try await record(.deviceAllowed, request, session, "the person let a device in")
        } else {
            try await record(.deviceDenied, request, session, "the person turned a device away")
        }
        return .answered(request)
    }

    private func waiting() async throws -> (DeviceRequest, expiresAt: Timestamp)? {
        let row = try await connection.first(
            """
            SELECT client_id, scope, resources, asking_device, expires_at FROM device_authorization
            WHERE user_code = \(presentation.userCode) AND is_allowed IS NULL AND expires_at > \(now)
            """)
        return try row.map { row in
            let request = DeviceRequest(
                client: ClientID(try row.text(0)), scope: Scope(try row.text(1)) ?? .empty,
                resources: Resources(text: try row.text(2)), askingDevice: try row.optionalText(3))
            return (request, try row.time(4))
        }
    }

    private func session() async throws -> Session? {
        guard let digest = presentation.session else { return nil }
        return try await connection.session(digest, at: now)
    }

    /// The guarded statement is the referee: of a yes and a no that race, one finds the question open.
    private func answer(_ decision: DeviceDecision) async throws -> Bool {
        try await connection.run(
            """
            UPDATE device_authorization
            SET is_allowed = \(decision.isAllowed), grant_id = \(decision.isAllowed ? decision.grant : nil)
            WHERE user_code = \(presentation.userCode) AND is_allowed IS NULL AND expires_at > \(now)
            """) == 1
    }

    private func refuse() async throws -> UserCodeOutcome {
        try await connection.record(
            SecurityEvent(
                .userCodeRefused, at: now, origin: origin, reason: "unknown, expired or answered before"))
        return .unknown
    }

    private func record(
        _ kind: SecurityEvent.Kind, _ request: DeviceRequest, _ session: Session, _ reason: StaticString
    ) async throws {
        try await connection.record(
            SecurityEvent(
                kind, at: now, origin: origin, clientID: request.client.rawValue,
                accountID: session.account.rawValue, reason: reason))
    }
}
