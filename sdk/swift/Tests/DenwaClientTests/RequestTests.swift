import Foundation
import Testing

@testable import DenwaClient

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

@Suite("Requests to an API")
struct RequestTests {
    private let server = FakeServer(dpop: true)
    private let api: URLRequest

    init() throws {
        api = URLRequest(url: try #require(URL(string: "https://api.example.com/scores?top=3")))
    }

    @Test("carry a bearer token, and no proof")
    func bearer() async throws {
        server.on("/scores") { _ in .json("[]") }
        let session = try await server.signedIn(lifetime: 3600)
        let (data, response) = try await session.data(for: api)
        #expect(String(decoding: data, as: UTF8.self) == "[]")
        #expect(response.statusCode == 200)
        let sent = try #require(server.requests(to: "/scores").first)
        #expect(sent.value(forHTTPHeaderField: "Authorization") == "Bearer access-0")
        #expect(sent.value(forHTTPHeaderField: "DPoP") == nil)
    }

    @Test("carry a bound token with a proof that names it")
    func bound() async throws {
        server.on("/scores") { _ in .json("[]") }
        let session = try await server.signedIn(lifetime: 3600, scheme: "DPoP")
        _ = try await session.data(for: api)
        let signed = try await session.authorized(api)
        for sent in [try #require(server.requests(to: "/scores").first), signed] {
            #expect(sent.value(forHTTPHeaderField: "Authorization") == "DPoP access-0")
            let proof = try #require(sent.proof)
            #expect(proof.isSignedByItsKey)
            #expect(proof.claims.htm == "GET")
            #expect(proof.claims.htu == "https://api.example.com/scores")
            #expect(proof.claims.ath == Digest.sha256(Data("access-0".utf8)).base64URL)
        }
    }

    @Test("are sent again with the nonce that the API wants, and begin with it from then on")
    func nonce() async throws {
        server.on("/scores") { request in
            request.proof?.claims.nonce == "n1"
                ? .json("[]")
                : .refusal(401, "", ["WWW-Authenticate": #"DPoP error="use_dpop_nonce""#, "DPoP-Nonce": "n1"])
        }
        let session = try await server.signedIn(lifetime: 3600, scheme: "DPoP")
        for _ in 0..<2 { #expect(try await session.data(for: api).1.statusCode == 200) }
        #expect(server.requests(to: "/scores").map(\.proof?.claims.nonce) == [nil, "n1", "n1"])
        #expect(server.requests(to: "/token").isEmpty)
    }

    @Test("are not sent forever to an API that is never content with a nonce")
    func greedyAPI() async throws {
        let count = Counter()
        server.on("/scores") { _ in
            .refusal(
                401, "", ["WWW-Authenticate": #"DPoP error="use_dpop_nonce""#, "DPoP-Nonce": "n\(count.next())"])
        }
        server.issuesTokens(type: "DPoP")
        let session = try await server.signedIn(lifetime: 3600, scheme: "DPoP")
        #expect(try await session.data(for: api).1.statusCode == 401)
        #expect(count.value == 4)
    }

    @Test("get another token when the API takes theirs for dead, once")
    func refusedToken() async throws {
        server.on("/scores") { request in
            request.value(forHTTPHeaderField: "Authorization") == "Bearer access-0"
                ? .refusal(401, "") : .json("[]")
        }
        server.issuesTokens()
        let session = try await server.signedIn(lifetime: 3600)
        #expect(try await session.data(for: api).1.statusCode == 200)
        #expect(server.requests(to: "/token").count == 1)
    }

    @Test("return whatever else the API says", arguments: [400, 403, 404, 500])
    func statuses(status: Int) async throws {
        server.on("/scores") { _ in .refusal(status, "no") }
        let session = try await server.signedIn(lifetime: 3600)
        #expect(try await session.data(for: api).1.statusCode == status)
        #expect(server.requests(to: "/scores").count == 1)
    }

    @Test("do not show a token to plain http")
    func plainHTTP() async throws {
        let session = try await server.signedIn(lifetime: 3600)
        let plain = URLRequest(url: try #require(URL(string: "http://api.example.com/scores")))
        await #expect(throws: DenwaError.self) { try await session.data(for: plain) }
        await #expect(throws: DenwaError.self) { try await session.authorized(plain) }
        #expect(server.requests(to: "/scores").isEmpty)
    }

    @Test("without a login are not sent")
    func nobody() async throws {
        let session = try server.session()
        let error = await #expect(throws: DenwaError.self) { try await session.data(for: api) }
        #expect(error?.reason == .signInRequired)
        #expect(server.requests(to: "/scores").isEmpty)
    }
}

@Suite("The token endpoint with proofs")
struct TokenProofTests {
    private static let answer = #"{"access_token":"new","token_type":"DPoP","expires_in":3600,"refresh_token":"r"}"#

    @Test("gets its nonce in a second try")
    func nonce() async throws {
        let server = FakeServer(dpop: true)
        server.on("/token") { request in
            request.proof?.claims.nonce == "server-nonce"
                ? .json(Self.answer)
                : .refusal(400, #"{"error":"use_dpop_nonce"}"#, ["DPoP-Nonce": "server-nonce"])
        }
        let session = try await server.signedIn(lifetime: 0, scheme: "DPoP")
        #expect(try await session.accessToken() == "new")
        #expect(server.requests(to: "/token").count == 2)
    }

    @Test("sees its own time in the first proof, whatever the device's clock says")
    func firstClock() async throws {
        let server = FakeServer(dpop: true, date: "Sat, 21 Nov 2020 04:03:36 GMT")
        server.issuesTokens(type: "DPoP")
        try await server.session().redeem("code", SignInSecrets())
        let proof = try #require(server.requests(to: "/token").first?.proof)
        #expect(abs(proof.claims.iat - 1_605_931_416) < 60)
    }

    @Test("sees its own time in later proofs, when the device's clock was set meanwhile")
    func laterClock() async throws {
        let server = FakeServer(dpop: true)
        server.on("/token") { _ in
            FakeServer.Answer(headers: ["Date": "Sat, 21 Nov 2020 04:03:36 GMT"], body: Self.answer)
        }
        let session = try await server.signedIn(lifetime: 0, scheme: "DPoP")
        _ = try await session.accessToken()
        _ = try await session.accessToken(refused: "new")
        let second = try #require(server.requests(to: "/token").last?.proof)
        #expect(abs(second.claims.iat - 1_605_931_416) < 60)
    }

    @Test("gets no proof from an app that wants none")
    func turnedOff() async throws {
        let server = FakeServer(dpop: true)
        server.issuesTokens()
        let session = try server.session { $0.bindsTokensToDevice = false }
        try await session.redeem("code", SignInSecrets())
        #expect(server.requests(to: "/token").first?.proof == nil)
    }

    @Test("gets no proof when the server knows of none")
    func unsupported() async throws {
        let server = FakeServer(dpop: false)
        server.issuesTokens()
        let session = try server.session()
        try await session.redeem("code", SignInSecrets())
        #expect(server.requests(to: "/token").first?.proof == nil)
    }
}

@Suite("Signing out")
struct SignOutTests {
    private let server = FakeServer()

    @Test("revokes the refresh token, which takes the login along")
    func revokes() async throws {
        server.on("/revoke") { _ in .json("{}") }
        let session = try await server.signedIn(lifetime: 3600)
        try await session.signOut()
        #expect(await session.isSignedIn == false)
        #expect(server.requests(to: "/revoke").first?.form == ["client_id": "game", "token": "refresh-0"])
    }

    @Test("forgets the tokens although the server cannot be told")
    func offline() async throws {
        server.on("/revoke") { _ in throw URLError(.notConnectedToInternet) }
        let session = try await server.signedIn(lifetime: 3600)
        let error = await #expect(throws: DenwaError.self) { try await session.signOut() }
        #expect(error?.reason == .unreachable)
        #expect(await session.isSignedIn == false)
    }

    @Test("everywhere forgets nothing while the server cannot be told")
    func everywhereOffline() async throws {
        server.on("/oauth2/logout") { _ in throw URLError(.notConnectedToInternet) }
        let session = try await server.signedIn(lifetime: 3600)
        await #expect(throws: DenwaError.self) { try await session.signOut(everywhere: true) }
        #expect(await session.isSignedIn)
    }

    @Test("of nobody asks nothing")
    func nobody() async throws {
        let session = try server.session()
        try await session.signOut()
        #expect(server.requests(to: "/revoke").isEmpty)
    }

    @Test("and forgetting leaves nothing behind")
    func forget() async throws {
        let storage = MemoryStorage()
        let session = try await server.signedIn(lifetime: 3600, storage: storage)
        try await session.vault.keep(deviceID: "device", at: "+8190")
        let key = try await session.vault.key().representation
        try await session.forget()
        #expect(await session.isSignedIn == false)
        #expect(try await session.vault.deviceID(at: "+8190") == nil)
        #expect(try await session.vault.key().representation != key)
    }
}

@Suite("What is kept")
struct VaultTests {
    @Test("is one client's at one server")
    func prefixes() throws {
        let storage = MemoryStorage()
        let (first, second) = (Vault(storage: storage, prefix: "a game"), Vault(storage: storage, prefix: "a other"))
        try first.keep(deviceID: "device", at: "+8190")
        #expect(try first.deviceID(at: "+8190") == "device")
        #expect(try second.deviceID(at: "+8190") == nil)
    }

    @Test("has one key, which lasts; one that cannot be read is replaced")
    func keys() throws {
        let storage = MemoryStorage()
        let vault = Vault(storage: storage, prefix: "a game")
        let key = try vault.key().representation
        #expect(try vault.key().representation == key)
        storage.keep(Data("of another device".utf8), named: "a game key")
        let other = try vault.key().representation
        #expect(other != key)
        #expect(try vault.key().representation == other)
    }

    @Test("cannot be used when its place cannot: the app hears of it")
    func brokenStorage() async throws {
        struct Broken: SecretStorage {
            struct Locked: Error {}
            func secret(named name: String) throws -> Data? { throw Locked() }
            func keep(_ secret: Data?, named name: String) throws { throw Locked() }
        }
        let session = try FakeServer().session(storage: Broken())
        let error = await #expect(throws: DenwaError.self) { try await session.accessToken() }
        #expect(error?.reason == .storage)
        #expect(error?.underlying is Broken.Locked)
    }
}
