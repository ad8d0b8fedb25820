import Accounts
import Cryptography
import DeveloperLog
import OAuth
import PhoneLogin
import PhoneNumbers
import RateLimiting
import Storage
import TestSupport
import Testing
import Time

/// The polls of a device: how they are paced, and which of them gets the tokens.
@Suite struct DevicePollTests {
    private let login = PhoneLoginFixture.inBrowser()
    private let device = DeviceFixture()

    /// A device that somebody has let in.
    private func allow(_ device: DeviceFixture, _ deviceCode: String = "device code", on store: SQLStore) async throws {
        try await login.beginSession("session", on: store)
        #expect(try await device.begin(deviceCode, showing: "BCDF-GHJK", on: store) == .begun)
        #expect(try await device.answer(true, to: "BCDF-GHJK", session: "session", on: store).isAnswered)
    }

    /// Seconds since the first poll, and the answer of a device that began with an interval of five seconds.
    static let polls: [(seconds: Double, outcome: DevicePollOutcome)] = [
        (0, .pending), (5, .pending), (9.999, .tooEarly), (19.998, .tooEarly), (34.998, .pending), (49.998, .pending),
        (64.997, .tooEarly), (84.996, .tooEarly), (109.996, .pending),
    ]

    @Test(arguments: Backend.allCases)
    func `a device that does not wait is told to wait five seconds more, from then on`(
        on backend: Backend
    ) async throws {
        try await backend.withStores(3) { stores in
            _ = try await device.begin("device code", showing: "BCDF-GHJK", on: stores[0])
            for (index, poll) in Self.polls.enumerated() {
                let now = Timestamp.noon.adding(milliseconds: Int64((poll.seconds * 1000).rounded()))
                let outcome = try await device.poll("device code", on: stores.turn(index), at: now)
                #expect(outcome == poll.outcome, "at \(poll.seconds) s")
            }
            #expect(try await stores[0].log().isEmpty, "waiting is no news")
        }
    }

    @Test(arguments: Backend.allCases)
    func `a yes brings the sign-in of the browser, at once, and once`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var device = device
            device.scope = "openid phone"
            try await allow(device, on: store)
            let session = try #require(try await store.session("session"))
            // Early by its interval, but there is something to tell.
            let later = Timestamp.noon.adding(seconds: 1)
            let grant = try #require(try await device.poll("device code", on: store, at: later).grant)
            #expect(grant.account == session.account)
            #expect(grant.session == session.id)
            #expect(grant.client == ClientID("tv"))
            #expect(grant.scope.text == "openid phone")
            #expect(grant.authenticatedAt == .noon)
            #expect(grant.methods == [.oneTimePassword, .sms])
            #expect(try await store.isActive(tokenID: "access token", grant: grant.id))
            #expect(try await store.count("device_authorization") == 0)
            #expect(try await device.poll("device code", on: store, at: later) == .unknown)
            #expect(try await store.isActive(tokenID: "access token", grant: grant.id), "a late poll kills nothing")
        }
    }

    @Test(arguments: Backend.allCases)
    func `of 50 polls that race for an answer one gets the tokens, and no other harms them`(
        on backend: Backend
    ) async throws {
        try await backend.withStores(4) { stores in
            var device = device
            device.scope = "offline_access"
            try await allow(device, on: stores[0])
            let outcomes = try await race(50) { [device] index in
                var polling = device
                polling.refreshToken = "refresh token \(index)"
                return try await polling.poll("device code", on: stores.turn(index))
            }
            let grants = outcomes.compactMap(\.grant)
            #expect(grants.count == 1)
            #expect(outcomes.count { $0 == .unknown } == 49)
            #expect(try await stores[1].count("refresh_token") == 1)
            #expect(try await stores[2].count("token_grant") == 1)
            let grant = try #require(grants.first)
            #expect(try await stores[3].isActive(tokenID: "access token", grant: grant.id))
        }
    }

    /// What was asked for, whether the client may refresh, and whether a refresh token is kept.
    static let refreshTokens: [(scope: String, isOffered: Bool, isKept: Bool)] = [
        ("openid offline_access", true, true), ("offline", true, true), ("openid", true, false),
        ("offline_access", false, false),
    ]

    @Test(arguments: Backend.allCases, refreshTokens)
    func `a refresh token is kept when it was asked for and allowed, and keeps the grant`(
        on backend: Backend, _ row: (scope: String, isOffered: Bool, isKept: Bool)
    ) async throws {
        try await backend.withStore { store in
            var device = device
            device.scope = row.scope
            device.refreshToken = row.isOffered ? "refresh token" : nil
            try await allow(device, on: store)
            #expect(try await device.poll("device code", on: store).grant != nil)
            let state = try await store.refreshToken(SHA256Digest(of: "refresh token"), at: .noon)
            #expect((state != nil) == row.isKept)
            let end = Timestamp.noon.adding(seconds: row.isKept ? 86_400 : 3600).milliseconds
            #expect(try await store.count("token_grant", where: "expires_at = \(end)") == 1)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a device that was turned away hears so until its code expires`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await login.beginSession("session", on: store)
            _ = try await device.begin("device code", showing: "BCDF-GHJK", on: store)
            #expect(try await device.answer(false, to: "BCDF-GHJK", session: "session", on: store).isAnswered)
            let end = Timestamp.noon.adding(seconds: 600)
            for now in [Timestamp.noon, .noon, end.adding(milliseconds: -1)] {
                #expect(try await device.poll("device code", on: store, at: now) == .denied)
            }
            #expect(try await device.poll("device code", on: store, at: end) == .expired)
            #expect(try await store.count("token_grant") == 0)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a code ends at the very millisecond, answered or not`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await allow(device, on: store)
            _ = try await device.begin("another", showing: "XXXX-ZZZZ", on: store)
            let end = Timestamp.noon.adding(seconds: 600)
            #expect(try await device.poll("another", on: store, at: end.adding(milliseconds: -1)) == .pending)
            #expect(try await device.poll("another", on: store, at: end) == .expired)
            #expect(try await device.poll("device code", on: store, at: end) == .expired)
            let before = end.adding(milliseconds: -1)
            #expect(try await device.poll("device code", on: store, at: before).grant != nil)
        }
    }

    @Test(arguments: Backend.allCases)
    func `another client's device code is nobody's, and is left alone`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await allow(device, on: store)
            var thief = device
            thief.client = ClientID("another-tv")
            #expect(try await thief.poll("device code", on: store) == .unknown)
            #expect(try await device.poll("Device code", on: store) == .unknown)
            #expect(try await device.poll("device code", on: store).grant != nil)
            let refusals = try await store.log().filter { $0.kind == .codeRefused }
            #expect(refusals.map(\.clientID) == ["another-tv", "tv"])
        }
    }

    /// What can happen between the answer and the poll.
    static let endings: [(name: String, end: @Sendable (SQLStore) async throws -> Void)] = [
        ("signed out", { store in _ = try await SessionTests.end("session", on: store) }),
        ("disabled", { store in _ = try await store.setDisabled(true, .number(PhoneNumber.alice.e164), at: .noon) }),
    ]

    @Test(arguments: Backend.allCases, endings)
    func `a yes of somebody who is gone lets nobody in`(
        on backend: Backend, _ row: (name: String, end: @Sendable (SQLStore) async throws -> Void)
    ) async throws {
        try await backend.withStore { store in
            try await allow(device, on: store)
            try await row.end(store)
            #expect(try await device.poll("device code", on: store) == .unknown)
            #expect(try await store.log().contains { $0.kind == .codeRefused })
            #expect(try await store.count("device_authorization") == 0)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a poll over the client's limit spends nothing, and polls without tokens cost nothing`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            try await allow(device, on: store)
            _ = try await device.begin("another", showing: "XXXX-ZZZZ", on: store)
            let limit = try #require(Limit(count: 1, windowSeconds: 60))
            let charge = try #require(LimitCharge(.tokenPerClient, limit, subject: "tv"))
            for name in ["another", "another", "nobody's"] {
                _ = try await device.poll(name, charging: [charge], on: store)
            }
            #expect(try await store.charge([charge], for: ClientID("tv"), from: .home, at: .noon) == nil)
            guard case .limited(let refusal) = try await device.poll("device code", charging: [charge], on: store)
            else {
                Issue.record("the limit is used up")
                return
            }
            #expect(refusal.name == .tokenPerClient)
            let later = Timestamp.noon.adding(seconds: 60)
            #expect(try await device.poll("device code", charging: [charge], on: store, at: later).grant != nil)
        }
    }

    @Test(arguments: Backend.allCases)
    func `two devices never show one code, and whoever has to draw again is charged once`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            let limit = try #require(Limit(count: 2, windowSeconds: 60))
            let charge = try #require(LimitCharge(.deviceCodePerIP, limit, subject: "203.0.113.7"))
            func begin(_ name: String, _ userCode: String) async throws -> DeviceAuthorizationOutcome {
                try await device.begin(name, showing: userCode, charging: [charge], on: store)
            }
            #expect(try await begin("first", "BCDF-GHJK") == .begun)
            #expect(try await begin("second", "BCDF-GHJK") == .userCodeTaken)
            #expect(try await begin("second", "XXXX-ZZZZ") == .begun)
            guard case .limited(let refusal) = try await begin("third", "ZZZZ-XXXX") else {
                Issue.record("the limit is used up")
                return
            }
            #expect(refusal.name == .deviceCodePerIP)
            #expect(try await store.count("device_authorization") == 2)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a device that polls too late is told so for ten minutes, and then forgotten`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            _ = try await device.begin("device code", showing: "BCDF-GHJK", on: store)
            let end = Timestamp.noon.adding(seconds: 1200)
            let before = end.adding(milliseconds: -1)
            _ = try await store.removeExpired(.init(), batch: 100, at: before)
            #expect(try await device.poll("device code", on: store, at: before) == .expired)
            _ = try await store.removeExpired(.init(), batch: 100, at: end)
            #expect(try await store.count("device_authorization") == 0)
            #expect(try await device.poll("device code", on: store, at: end) == .unknown)
        }
    }

    @Test(arguments: Backend.allCases)
    func `an app has access from the poll on, and not from the answer`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await allow(device, on: store)
            let account = try #require(try await store.session("session")).account
            #expect(try await store.apps(of: account, at: .noon).isEmpty)
            _ = try await device.poll("device code", on: store)
            #expect(try await store.apps(of: account, at: .noon).map(\.client) == [ClientID("tv")])
        }
    }
}
