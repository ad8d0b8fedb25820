import Accounts
import Cryptography
import DeveloperLog
import OAuth
import PhoneLogin
import Storage
import TestSupport
import Testing
import Time

/// The queue of logout notices: who is told, and who may tell them.
@Suite struct LogoutNoticeTests {
    private func claim(
        _ count: Int = 100, butFor clients: Set<ClientID> = [], on store: SQLStore, at now: Timestamp = .noon
    ) async throws -> [LogoutNotice] {
        try await store.claimLogoutNotices(
            atMost: count, butFor: clients, leaseUntil: now.adding(seconds: 8), at: now)
    }

    /// Sessions of one person, each of which let the shop in, that are over.
    private func queue(_ count: Int, client: String = "shop", on store: SQLStore) async throws {
        for _ in 0..<count {
            let session = Unique.name("session")
            try await SignedInScene.login.beginSession(session, on: store)
            _ = try await SignedInScene.grant(client, in: session, on: store)
            _ = try await SessionTests.end(session, on: store)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a notice names session, client and person, and when it began to wait`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let scene = try await SignedInScene(on: store)
            _ = try await SessionTests.end("here", on: store)
            let notice = try #require(try await claim(on: store).first)
            #expect(
                notice
                    == LogoutNotice(
                        session: scene.here, client: ClientID("shop"), account: scene.alice, queuedAt: .noon,
                        attempt: 1))
        }
    }

    /// The grant of an app without offline access is gone a day after its last access token; the app's own session
    /// is not.
    @Test(arguments: Backend.allCases)
    func `an app is told whose grants are long gone`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let scene = try await SignedInScene(on: store)
            let later = Timestamp.noon.adding(seconds: 2 * 86_400)
            _ = try await store.removeExpired(.init(), batch: 100, at: later)
            #expect(try await store.count("token_grant", where: "client_id = 'mail'") == 0)
            let ended = try await store.endSession(
                SHA256Digest(of: "there"), if: { _ in true }, from: .home, at: later)
            guard case .ended = ended else { throw BrokenFixture() }
            #expect(try await scene.notices(at: later) == ["mail there"])
        }
    }

    @Test(arguments: Backend.allCases)
    func `apps with offline access are told of a disabled account whose sessions were over`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            let scene = try await SignedInScene(on: store)
            let later = Timestamp.noon.adding(seconds: 31 * 86_400)
            try await store.run("UPDATE token_grant SET expires_at = \(later) WHERE is_offline = 1")
            _ = try await store.removeExpired(.init(), batch: 100, at: later)
            #expect(try await store.count("session") == 0)
            #expect(try await store.count("session_client") == 0)
            _ = try await store.setDisabled(true, .id(scene.alice), at: later)
            #expect(try await scene.notices(at: later) == ["shop here"])
        }
    }

    @Test(arguments: Backend.allCases)
    func `a client is remembered for a session once, however often it asks`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await SignedInScene.login.beginSession("session", on: store)
            for _ in 0..<3 { _ = try await SignedInScene.grant("shop", in: "session", on: store) }
            _ = try await SignedInScene.grant("game", in: "session", on: store)
            #expect(try await store.count("session_client") == 1)
            _ = try await SessionTests.end("session", on: store)
            #expect(try await claim(on: store).count == 1)
            #expect(try await store.count("session_client") == 0)
        }
    }

    // MARK: - Leases

    @Test(arguments: Backend.allCases)
    func `of processes that race for notices each notice has one holder`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            try await queue(20, on: stores[0])
            let claimed = try await race(16) { index in try await claim(8, on: stores.turn(index)) }.flatMap(\.self)
            #expect(claimed.count == 20)
            #expect(Set(claimed.map(\.session)).count == 20)
        }
    }

    @Test(arguments: Backend.allCases)
    func `when a holder dies somebody else has it at the end of the lease`(on backend: Backend) async throws {
        try await backend.withStores(2) { stores in
            try await queue(1, on: stores[0])
            let lost = try #require(try await claim(on: stores[0]).first)
            let end = Timestamp.noon.adding(seconds: 8)
            #expect(try await claim(on: stores[1], at: end.adding(milliseconds: -1)).isEmpty)
            let again = try #require(try await claim(on: stores[1], at: end).first)
            #expect(again.session == lost.session && again.attempt == 2)

            // The first one was only slow: what it says changes nothing any more.
            for outcome in [LogoutNoticeOutcome.delivered, .retry(at: end), .failed(.refused, status: 400)] {
                try await stores[0].record(outcome, of: lost, at: end)
            }
            #expect(try await stores[0].count("logout_notice", where: "due_at > \(end.milliseconds)") == 1)
            #expect(try await stores[0].log().isEmpty)
            try await stores[1].record(.delivered, of: again, at: end)
            #expect(try await stores[0].count("logout_notice") == 0)
        }
    }

    @Test(arguments: Backend.allCases)
    func `clients that have enough under way are passed over, and keep nobody waiting`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            try await queue(10, on: store)
            try await queue(1, client: "mail", on: store)
            let claimed = try await claim(2, butFor: [ClientID("shop")], on: store)
            #expect(claimed.map(\.client) == [ClientID("mail")])
            #expect(try await claim(butFor: [ClientID("mail")], on: store).count == 10)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a notice that is to be tried again waits for its time`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await queue(1, on: store)
            let notice = try #require(try await claim(on: store).first)
            let due = Timestamp.noon.adding(seconds: 60)
            try await store.record(.retry(at: due), of: notice, at: .noon)
            #expect(try await claim(on: store, at: due.adding(milliseconds: -1)).isEmpty)
            #expect(try await claim(on: store, at: due).map(\.attempt) == [2])
        }
    }

    static let ends: [(outcome: LogoutNoticeOutcome, reason: String?, figures: String?)] = [
        (.delivered, nil, nil), (.unwanted, nil, nil),
        (.failed(.refused, status: 400), "the client refused the logout token", "status 400"),
        (.failed(.unreachable, status: 503), "the client did not take the logout token for an hour", "status 503"),
        (.failed(.unreachable, status: nil), "the client did not take the logout token for an hour", "no answer"),
    ]

    @Test(arguments: Backend.allCases, ends)
    func `a notice that is done is gone, and the log has those that failed`(
        on backend: Backend, _ row: (outcome: LogoutNoticeOutcome, reason: String?, figures: String?)
    ) async throws {
        try await backend.withStore { store in
            try await queue(1, on: store)
            let notice = try #require(try await claim(on: store).first)
            try await store.record(row.outcome, of: notice, at: .noon)
            #expect(try await store.count("logout_notice") == 0)
            let lines = try await store.log()
            #expect(lines.map(\.reason) == [row.reason].compactMap(\.self))
            #expect(lines.map(\.figures) == [row.figures].compactMap(\.self))
            for line in lines {
                #expect(line.kind == .logoutFailed && line.clientID == "shop")
                #expect(line.accountID == nil, "the account may be deleted by then")
            }
        }
    }
}
