import Accounts
import Cryptography
import DeveloperLog
import OAuth
import PhoneLogin
import RateLimiting
import Storage
import TestSupport
import Testing
import Time

@Suite struct RefreshRotationTests {
    private let client = TokenFixture()

    @Test(arguments: Backend.allCases)
    func `of 50 parallel rotations all answer, and there is one successor`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            let grant = try await client.grant(holding: "token", on: stores[0])
            let rotations = try await race(50) { [client] index in
                try await client.rotate("token", to: "successor", on: stores.turn(index))
            }
            #expect(rotations.compactMap(\.grant) == [Grant](repeating: grant, count: 50))
            #expect(try await stores[0].count("refresh_token") == 2)
            #expect(try await stores[0].count("refresh_token", where: "rotated_at IS NULL") == 1)
            #expect(try await stores[0].log().isEmpty)
            #expect(try await client.rotate("successor", to: "next", on: stores[1]).kind == .rotated)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a spent token answers to the last millisecond of its grace`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let grant = try await client.grant(holding: "token", on: store)
            #expect(try await client.rotate("token", to: "successor", on: store).kind == .rotated)

            let end = Timestamp.noon.adding(seconds: 30)
            let last = end.adding(milliseconds: -1)
            #expect(try await client.rotate("token", to: "successor", on: store, at: last).kind == .rotated)
            #expect(try await store.isActive(tokenID: "access token", grant: grant.id))
            #expect(try await client.rotate("token", to: "successor", on: store, at: end).kind == .reused)
            #expect(try await store.isActive(tokenID: "access token", grant: grant.id) == false)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a token that comes back after its grace kills the whole family, and the log tells once`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            _ = try await client.grant(holding: "first", on: store)
            _ = try await client.rotate("first", to: "second", on: store)
            _ = try await client.rotate("second", to: "third", on: store)

            let later = Timestamp.noon.adding(seconds: 31)
            #expect(try await client.rotate("first", to: "second", on: store, at: later).kind == .reused)
            #expect(try await client.rotate("third", to: "fourth", on: store, at: later).kind == .unknown)
            #expect(try await client.rotate("first", to: "second", on: store, at: later).kind == .reused)
            let events = try await store.log()
            #expect(events.map(\.kind) == [.refreshReused, .refreshRefused])
            #expect(events.allSatisfy { $0.clientID == "game" })
        }
    }

    @Test(arguments: Backend.allCases)
    func `without a grace the second use is already one too many`(on backend: Backend) async throws {
        try await backend.withStores(2) { stores in
            var strict = client
            strict.graceSeconds = 0
            _ = try await strict.grant(holding: "token", on: stores[0])
            let rotations = try await race(8) { [strict] index in
                try await strict.rotate("token", to: "successor", on: stores.turn(index))
            }
            #expect(rotations.count { $0.kind == .rotated } == 1)
            #expect(rotations.count { $0.kind == .reused } == 7)
            #expect(try await stores[0].refreshToken(SHA256Digest(of: "successor"), at: .noon) == nil)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a token is unknown from the millisecond it expires`(on backend: Backend) async throws {
        let expiry = Timestamp.noon.adding(seconds: 86_400)
        try await backend.withStore { store in
            _ = try await client.grant(holding: "token", on: store)
            #expect(try await client.rotate("token", to: "successor", on: store, at: expiry).kind == .unknown)
            let before = expiry.adding(milliseconds: -1)
            #expect(try await client.rotate("token", to: "successor", on: store, at: before).kind == .rotated)
        }
    }

    @Test(arguments: Backend.allCases)
    func `every rotation starts the idle lifetime anew, and the grant lives as long`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let grant = try await client.grant(holding: "token 0", on: store)
            var now = Timestamp.noon
            for round in 0..<5 {
                now = now.adding(seconds: 86_399)
                let rotation = try await client.rotate("token \(round)", to: "token \(round + 1)", on: store, at: now)
                #expect(rotation.kind == .rotated)
                _ = try await store.removeExpired(.init(), batch: 1000, at: now)
                #expect(try await store.isActive(tokenID: "access token", grant: grant.id))
            }
            #expect(try await store.count("token_grant", where: "expires_at = \(now.milliseconds + 86_400_000)") == 1)
        }
    }

    @Test(arguments: Backend.allCases)
    func `another client's token is unknown and stays good`(on backend: Backend) async throws {
        try await backend.withStore { store in
            _ = try await client.grant(holding: "token", on: store)
            var stranger = client
            stranger.client = ClientID("another-game")
            #expect(try await stranger.rotate("token", to: "stolen", on: store).kind == .unknown)
            #expect(try await client.rotate("token", to: "successor", on: store).kind == .rotated)
            let later = Timestamp.noon.adding(seconds: 60)
            #expect(try await stranger.rotate("token", to: "stolen", on: store, at: later).kind == .unknown)
            #expect(try await client.rotate("successor", to: "next", on: store, at: later).kind == .rotated)
            #expect(try await client.rotate("no token", to: "nothing", on: store).kind == .unknown)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a scope that is too wide leaves the token good`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var login = PhoneLoginFixture()
            login.scope = "offline profile"
            _ = try await client.grant(holding: "token", login: login, on: store)
            var wide = client
            wide.scope = "offline profile email"
            #expect(try await wide.rotate("token", to: "successor", on: store).kind == .refused)
            #expect(try await store.count("refresh_token") == 1)
            #expect(try await store.refreshToken(SHA256Digest(of: "token"), at: .noon) != nil)

            var narrow = client
            narrow.scope = "profile"
            #expect(try await narrow.rotate("token", to: "successor", on: store).kind == .rotated)
            #expect(try await wide.rotate("token", to: "successor", on: store).kind == .refused, "in its grace")
            // Narrowing one access token does not narrow the grant (RFC 6749 §6).
            #expect(try await client.rotate("successor", to: "next", on: store).grant?.scope.text == "offline profile")
        }
    }

    @Test(arguments: Backend.allCases)
    func `nothing is refreshed once the account is disabled, in the grace neither`(on backend: Backend) async throws {
        try await backend.withStore { store in
            _ = try await client.grant(holding: "token", on: store)
            #expect(try await client.rotate("token", to: "successor", on: store).kind == .rotated)
            _ = try await store.setDisabled(true, .number("+819012345678"), at: .noon)
            #expect(try await client.rotate("token", to: "successor", on: store).kind == .unknown)
            #expect(try await client.rotate("successor", to: "next", on: store).kind == .unknown)
            #expect(try await store.count("refresh_token") == 2)
        }
    }

    @Test(arguments: Backend.allCases)
    func `only a genuine token counts against the client's limit`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let charge = try known(LimitCharge(.tokenPerClient, Limit(count: 1, windowSeconds: 60), subject: "game"))
            _ = try await client.grant(holding: "token", on: store)
            for guess in 0..<10 {
                let rotation = try await client.rotate("no token \(guess)", to: "none", charging: [charge], on: store)
                #expect(rotation.kind == .unknown)
            }
            #expect(try await client.rotate("token", to: "second", charging: [charge], on: store).kind == .rotated)
            #expect(try await client.rotate("second", to: "third", charging: [charge], on: store).kind == .limited)
            #expect(try await client.rotate("second", to: "third", on: store).kind == .rotated)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a rotation survives a restart with its grace`(on backend: Backend) async throws {
        try await backend.withDatabase { database in
            do {
                let store = try await database.open()
                _ = try await client.grant(holding: "token", on: store)
                _ = try await client.rotate("token", to: "successor", on: store)
            }
            let store = try await database.open()
            let later = Timestamp.noon.adding(seconds: 29)
            #expect(try await client.rotate("token", to: "successor", on: store, at: later).kind == .rotated)
            #expect(try await client.rotate("successor", to: "next", on: store, at: later).kind == .rotated)
        }
    }
}
