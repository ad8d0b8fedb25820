import Foundation
import Testing

@testable import DenwaClient

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

@Suite("Renewal", .timeLimit(.minutes(1)))
struct RenewalTests {
    private let server = FakeServer()

    @Test("a fresh token is used as it is")
    func fresh() async throws {
        let session = try await server.signedIn(lifetime: 3600)
        #expect(try await session.accessToken() == "access-0")
        #expect(server.requests(to: "/token").isEmpty)
    }

    @Test(
        "is done a minute early, and with the last quarter of a short life",
        arguments: [
            (3600.0, 3541.0, true), (3600, 3539, false), (120, 91, true), (120, 89, false),
        ])
    func early(lifetime: TimeInterval, age: TimeInterval, isDue: Bool) {
        let answer = TokenAnswer(
            accessToken: "a", tokenType: "bearer", expiresIn: lifetime, refreshToken: nil, idToken: nil, scope: nil)
        let tokens = Tokens(answer, askedAt: Date(timeIntervalSinceReferenceDate: 0))
        #expect(tokens.isFresh(at: Date(timeIntervalSinceReferenceDate: age)) == !isDue)
    }

    @Test("is one for all who ask at once")
    func singleFlight() async throws {
        server.issuesTokens()
        let session = try await server.signedIn(lifetime: 100, age: 90)
        let tokens = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<100 { group.addTask { try await session.accessToken() } }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(tokens == ["access-1"])
        #expect(server.requests(to: "/token").map(\.form["refresh_token"]) == ["refresh-0"])
    }

    @Test("spends each refresh token once, however often it is due")
    func rotation() async throws {
        server.issuesTokens(lifetime: 0)
        let session = try await server.signedIn(lifetime: 0)
        for _ in 0..<3 { _ = try await session.accessToken() }
        #expect(
            server.requests(to: "/token").map(\.form["refresh_token"]) == ["refresh-0", "refresh-1", "refresh-2"])
    }

    @Test("goes on for the others when one caller is cancelled")
    func cancellation() async throws {
        let gate = Gate()
        server.on("/token") { _ in
            await gate.pass()
            return .json(#"{"access_token":"new","token_type":"bearer","expires_in":3600,"refresh_token":"r"}"#)
        }
        let session = try await server.signedIn(lifetime: 0)
        let cancelled = Task { try await session.accessToken() }
        try await gate.gathers(1)
        let patient = Task { try await session.accessToken() }
        cancelled.cancel()
        await gate.open()
        #expect(try await patient.value == "new")
        #expect(server.requests(to: "/token").count == 1)
    }

    @Test("is asked for again at once when the answer was lost, with the same token")
    func lostAnswer() async throws {
        let tries = Counter()
        server.on("/token") { _ in
            guard tries.next() == 2 else { throw URLError(.networkConnectionLost) }
            return .json(#"{"access_token":"new","token_type":"bearer","expires_in":3600,"refresh_token":"r"}"#)
        }
        let session = try await server.signedIn(lifetime: 0)
        #expect(try await session.accessToken() == "new")
        #expect(server.requests(to: "/token").map(\.form["refresh_token"]) == ["refresh-0", "refresh-0"])
    }

    @Test("that fails in its early time leaves the old token to be used")
    func outage() async throws {
        server.on("/token") { _ in throw URLError(.notConnectedToInternet) }
        let session = try await server.signedIn(lifetime: 100, age: 90)
        #expect(try await session.accessToken() == "access-0")
        #expect(server.requests(to: "/token").count == 2)
        await #expect(throws: DenwaError.self) { try await session.accessToken(refused: "access-0") }
        #expect(await session.isSignedIn)
    }

    @Test("that the server refuses ends the login", arguments: ["invalid_grant", "insufficient_authorization"])
    func refused(code: String) async throws {
        server.on("/token") { _ in .refusal(400, #"{"error":"\#(code)"}"#) }
        let session = try await server.signedIn(lifetime: 100, age: 90)
        var changes = await session.changes().makeAsyncIterator()
        #expect(await changes.next() == true)
        let error = await #expect(throws: DenwaError.self) { try await session.accessToken() }
        #expect(error?.reason == .signInRequired)
        #expect(error?.code == code)
        #expect(await changes.next() == false)
        #expect(await session.isSignedIn == false)
    }

    @Test(
        "that is refused for another reason keeps the login",
        arguments: [
            (429, "temporarily_unavailable"), (503, "server_error"), (400, "invalid_dpop_proof"),
            (401, "invalid_client"),
        ])
    func notNow(status: Int, code: String) async throws {
        server.on("/token") { _ in .refusal(status, #"{"error":"\#(code)"}"#) }
        let session = try await server.signedIn(lifetime: 0)
        let error = await #expect(throws: DenwaError.self) { try await session.accessToken() }
        #expect(error?.code == code)
        #expect(await session.isSignedIn)
    }

    @Test("does not undo a sign-out that came meanwhile")
    func signOutMeanwhile() async throws {
        let gate = Gate()
        server.on("/token") { _ in
            await gate.pass()
            return .json(#"{"access_token":"new","token_type":"bearer","expires_in":3600,"refresh_token":"r"}"#)
        }
        server.on("/revoke") { _ in .json("{}") }
        let session = try await server.signedIn(lifetime: 0)
        let renewal = Task { try await session.accessToken() }
        try await gate.gathers(1)
        try await session.signOut()
        await gate.open()
        let error = await #expect(throws: DenwaError.self) { try await renewal.value }
        #expect(error?.reason == .signInRequired)
        #expect(await session.isSignedIn == false)
    }

    @Test("takes what another process of the app got first", arguments: [true, false])
    func otherProcess(isRefused: Bool) async throws {
        let storage = MemoryStorage()
        let gate = Gate()
        server.on("/token") { _ in
            await gate.pass()
            return isRefused
                ? .refusal(400, #"{"error":"invalid_grant"}"#)
                : .json(#"{"access_token":"late","token_type":"bearer","expires_in":3600,"refresh_token":"r"}"#)
        }
        let session = try await server.signedIn(lifetime: 0, storage: storage)
        let renewal = Task { try await session.accessToken() }
        try await gate.gathers(1)
        let other = try await server.signedIn(lifetime: 3600, refreshToken: "refresh-other", storage: storage)
        await gate.open()
        #expect(try await renewal.value == "access-0")
        #expect(try await other.vault.tokens()?.refreshToken == "refresh-other")
    }

    @Test("is not tried without a refresh token: the login ends with its access token")
    func noRefreshToken() async throws {
        let session = try await server.signedIn(lifetime: 0, refreshToken: nil)
        #expect(await session.isSignedIn == false)
        let error = await #expect(throws: DenwaError.self) { try await session.accessToken() }
        #expect(error?.reason == .signInRequired)
        #expect(server.requests(to: "/token").isEmpty)
    }

    @Test("keeps what an answer leaves out")
    func sparseAnswer() async throws {
        server.on("/token") { _ in .json(#"{"access_token":"new","token_type":"bearer","expires_in":3600}"#) }
        let session = try await server.signedIn(lifetime: 0)
        _ = try await session.accessToken()
        let held = try #require(try await session.vault.tokens())
        #expect(held.refreshToken == "refresh-0")
        #expect(held.scope == "offline_access")
    }
}
