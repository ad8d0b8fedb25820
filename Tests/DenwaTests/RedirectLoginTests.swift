import Accounts
import Foundation
import HTTPTypes
import JOSE
import Storage
import Synchronization
import TestSupport
import Testing
import Time

@testable import denwa

/// The redirect login as a browser without a script goes through it, on a clock that the test moves.
@Suite struct RedirectLoginTests {
    static let clients = """
        {"clients": [
          {"client_id": "app", "client_name": "App", "redirect_uris": ["https://app.example/cb"], "first_party": true,
           "link_uris": ["http://localhost:8080/login/link"]},
          {"client_id": "third", "client_name": "Third", "redirect_uris": ["https://third.example/cb"]},
          {"client_id": "api", "client_secret": "api-secret", "grant_types": ["client_credentials"],
           "may_introspect": true}
        ]}
        """
    private let number = "+819012345678"

    @Test func `a right code leads back to the app with a code that becomes an ID token`() async throws {
        try await TestServer.run(clients: Self.clients) { server in
            let back = try await TestBrowser(server).signIn(number)
            #expect(back.location?.hasPrefix("https://app.example/cb?code=") == true)
            #expect(back.parameter("state") == "state-of-the-app")
            #expect(back.parameter("iss") == "http://localhost:8080")
            let reply = try await server.post(
                "/oauth2/token",
                form: [
                    "grant_type": "authorization_code", "client_id": "app", "code": back.parameter("code") ?? "",
                    "code_verifier": TestBrowser.verifier,
                ])
            let token = try #require(reply.body?["id_token"]?.string)
            let claims = try JWTClaims(parsing: UnverifiedJWS(token).payload)
            #expect(claims["nonce"]?.string == "n-1")
            #expect(claims["sid"]?.string != nil)
            #expect(claims["auth_time"]?.integer == server.clock.now.seconds)
        }
    }

    @Test func `a session signs in to a second app without a text, until it was idle too long`() async throws {
        try await TestServer.run(clients: Self.clients, { $0.sessions.idleLifetimeSeconds = 600 }) { server in
            let browser = TestBrowser(server)
            _ = try await browser.signIn(number)
            for _ in 0..<3 {
                server.clock.advance(seconds: 599)
                #expect(try await browser.get(TestBrowser.authorizePath()).parameter("code") != nil)
            }
            server.clock.advance(seconds: 600)
            #expect(try await browser.get(TestBrowser.authorizePath()).status == .ok)
            let silent = try await browser.get(TestBrowser.authorizePath("&prompt=none"))
            #expect(silent.parameter("error") == "login_required")
        }
    }

    @Test func `a session that is used all the time ends at its full lifetime`() async throws {
        try await TestServer.run(
            clients: Self.clients,
            { configuration in
                configuration.sessions.idleLifetimeSeconds = 600
                configuration.sessions.lifetimeSeconds = 1000
            }
        ) { server in
            let browser = TestBrowser(server)
            _ = try await browser.signIn(number)
            server.clock.advance(seconds: 500)
            #expect(try await browser.get(TestBrowser.authorizePath()).parameter("code") != nil)
            server.clock.advance(seconds: 499)
            #expect(try await browser.get(TestBrowser.authorizePath()).parameter("code") != nil)
            server.clock.advance(seconds: 1)
            #expect(try await browser.get(TestBrowser.authorizePath()).status == .ok)
        }
    }

    @Test func `an app that wants a fresh sign-in gets one, and is then content`() async throws {
        try await TestServer.run(clients: Self.clients) { server in
            let browser = TestBrowser(server)
            _ = try await browser.signIn(number)
            server.clock.advance(seconds: 60)
            #expect(try await browser.get(TestBrowser.authorizePath("&max_age=61")).parameter("code") != nil)
            #expect(try await browser.get(TestBrowser.authorizePath("&max_age=60")).status == .ok)
            for wish in ["&max_age=0", "&prompt=login"] {
                server.clock.advance(seconds: 3600)
                let before = browser.cookie("denwa-session")
                let back = try await browser.signIn(number, at: TestBrowser.authorizePath(wish))
                #expect(back.parameter("code") != nil, "\(wish)")
                #expect(browser.cookie("denwa-session") != before, "the session's name changes at every sign-in")
            }
        }
    }

    @Test func `a code is dead from the second it expires`() async throws {
        try await TestServer.run(clients: Self.clients) { server in
            let browser = TestBrowser(server)
            let page = try await browser.typeNumber(number)
            while server.texts(to: number).isEmpty { try await Task.sleep(for: .milliseconds(2)) }
            let code = try #require(server.texts(to: number).last)
            server.clock.advance(seconds: 180)
            let late = try await browser.submit(try page.form("/login/code?"), ["code": code])
            #expect(late.status == .notFound)
            #expect(late.html.contains("That code has expired."))
            #expect(browser.cookie("denwa-session") == nil)
        }
    }

    @Test func `consent is asked once, and asked again when an app wants more`() async throws {
        try await TestServer.run(clients: Self.clients) { server in
            let browser = TestBrowser(server)
            let path = TestBrowser.authorizePath(client: "third")
            let question = try await browser.signIn(number, at: path)
            #expect(question.html.contains("Third"))
            let back = try await browser.submit(try question.form("/login/consent?"), ["decision": "allow"])
            #expect(back.parameter("code") != nil)
            #expect(try await browser.get(path).parameter("code") != nil)
            #expect(try await browser.get(path + "&prompt=consent").status == .ok)
            let more = path.replacing("openid%20phone", with: "openid%20phone%20shop")
            #expect(try await browser.get(more + "&prompt=none").parameter("error") == "consent_required")
            #expect(try await browser.get(more).status == .ok)
        }
    }

    @Test func `an answer to a question that somebody else was asked counts for nothing`() async throws {
        try await TestServer.run(clients: Self.clients) { server in
            let browser = TestBrowser(server)
            let path = TestBrowser.authorizePath(client: "third")
            let question = try await browser.signIn(number, at: path)
            // Meanwhile, in another tab, somebody else signs in.
            _ = try await browser.signIn("+819087654321", at: TestBrowser.authorizePath("&prompt=login"))
            let answer = try await browser.submit(try question.form("/login/consent?"), ["decision": "allow"])
            #expect(answer.status == .ok, "the question is asked again, now of the one who is there")
            #expect(answer.location == nil)
        }
    }

    @Test func `each step of a redirect login is one act of the database at most`() async throws {
        let count = ActCount()
        try await TestServer.run(clients: Self.clients, engine: { CountingEngine(engine: $0, count: count) }) {
            server in
            let browser = TestBrowser(server)
            let path = TestBrowser.authorizePath(client: "third")
            let entry = try await count.of(0, "a visitor costs the database nothing") { try await browser.get(path) }
            let form = try entry.form("/login?")
            let asked = try await count.of(1) {
                try await browser.submit(form, ["country": "JP", "phone_number": number])
            }
            let codePage = try await count.of(0) { try await browser.get(try #require(asked.location)) }
            while server.texts(to: number).isEmpty { try await Task.sleep(for: .milliseconds(2)) }
            let code = try #require(server.texts(to: number).last)
            let taken = try await count.of(1) {
                try await browser.submit(try codePage.form("/login/code?"), ["code": code])
            }
            let question = try await count.of(1) { try await browser.get(try #require(taken.location)) }
            let back = try await count.of(1) {
                try await browser.submit(try question.form("/login/consent?"), ["decision": "allow"])
            }
            let tokens = try await count.of(1) {
                try await server.post(
                    "/oauth2/token",
                    form: [
                        "grant_type": "authorization_code", "client_id": "third",
                        "code": back.parameter("code") ?? "", "code_verifier": TestBrowser.verifier,
                    ])
            }
            let again = try await count.of(1) { try await browser.get(path) }
            #expect(again.parameter("code") != nil, "a second visit needs no text")
            let hint = try #require(tokens.body?["id_token"]?.string)
            let out = try await count.of(1) { try await browser.get("/oauth2/end_session?id_token_hint=\(hint)") }
            #expect(out.status == .ok)
        }
    }

    @Test func `signing out ends what was granted for the time of the session`() async throws {
        try await TestServer.run(clients: Self.clients) { server in
            for (scope, survives) in [("openid", false), ("openid%20offline_access", true)] {
                let browser = TestBrowser(server)
                let path = TestBrowser.authorizePath().replacing("openid%20phone", with: scope)
                server.clock.advance(seconds: 3600)
                let back = try await browser.signIn(number, at: path)
                let tokens = try await server.post(
                    "/oauth2/token",
                    form: [
                        "grant_type": "authorization_code", "client_id": "app", "code": back.parameter("code") ?? "",
                        "code_verifier": TestBrowser.verifier,
                    ])
                let access = try #require(tokens.body?["access_token"]?.string)
                let hint = try #require(tokens.body?["id_token"]?.string)
                #expect(try await server.isActive(access) == true)
                _ = try await browser.get("/oauth2/end_session?id_token_hint=\(hint)")
                #expect(try await server.isActive(access) == survives, "\(scope)")
            }
        }
    }
}

/// Counts the acts of one request; what else the server does meanwhile runs in tasks of its own.
final class ActCount: Sendable {
    @TaskLocal private static var isCounting = false
    private let count = Mutex(0)

    func add() { if Self.isCounting { count.withLock { $0 += 1 } } }

    func of<Result: Sendable>(
        _ expected: Int, _ why: Comment? = nil, sourceLocation: SourceLocation = #_sourceLocation,
        _ request: () async throws -> Result
    ) async throws -> Result {
        count.withLock { $0 = 0 }
        let result = try await Self.$isCounting.withValue(true) { try await request() }
        #expect(count.withLock { $0 } == expected, why, sourceLocation: sourceLocation)
        return result
    }
}

/// The server's own engine, counted.
struct CountingEngine: SQLEngine {
    let engine: any SQLEngine
    let count: ActCount

    func write<Result: Sendable>(_ act: @escaping SQLAct<Result>) async throws -> Result {
        count.add()
        return try await engine.write(act)
    }

    func read<Result: Sendable>(_ act: @escaping SQLAct<Result>) async throws -> Result {
        count.add()
        return try await engine.read(act)
    }

    func define<Result: Sendable>(
        _ change: @escaping @Sendable (any SQLSchema) async throws -> Result
    ) async throws -> Result {
        try await engine.define(change)
    }

    func close() async { await engine.close() }
}

/// What an app may do with a token that the person gave it by redirect.
@Suite struct ThirdPartyTokenTests {
    private let number = "+819012345678"

    private func token(_ client: String, scope: String, on server: TestServer) async throws -> String {
        let path = TestBrowser.authorizePath(client: client).replacing("openid%20phone", with: scope)
        let browser = TestBrowser(server)
        server.clock.advance(seconds: 60)
        var back = try await browser.signIn(number, at: path)
        if back.location == nil {
            back = try await browser.submit(try back.form("/login/consent?"), ["decision": "allow"])
        }
        let form = [
            "grant_type": "authorization_code", "client_id": client, "code": back.parameter("code") ?? "",
            "code_verifier": TestBrowser.verifier,
        ]
        return try #require(try await server.post("/oauth2/token", form: form).body?["access_token"]?.string)
    }

    @Test func `a number is shown only to whom it was granted`() async throws {
        try await TestServer.run(clients: RedirectLoginTests.clients) { server in
            for (client, scope, isShown) in [
                ("third", "openid", false), ("third", "openid%20phone", true), ("app", "openid", true),
            ] {
                let token = try await token(client, scope: scope, on: server)
                let reply = try await server.get("/users/me", bearer: token)
                #expect((reply.body?["phone"]?.string == number) == isShown, "\(client) with \(scope)")
            }
        }
    }

    @Test func `an app let in by redirect signs out its own session and nobody else's tokens`() async throws {
        try await TestServer.run(clients: RedirectLoginTests.clients) { server in
            let own = try await token("app", scope: "openid%20offline", on: server)
            let third = try await token("third", scope: "openid", on: server)
            #expect(try await server.get("/oauth2/logout?sessions=all", bearer: third).status == .noContent)
            #expect(try await server.isActive(third) == false)
            #expect(try await server.isActive(own) == true)
            #expect(try await server.get("/oauth2/logout?sessions=all", bearer: own).status == .noContent)
            #expect(try await server.isActive(own) == false)
        }
    }
}
