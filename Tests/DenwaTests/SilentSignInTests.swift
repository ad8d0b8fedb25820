import HTTPTypes
import JOSE
import RateLimiting
import TestSupport
import Testing
import Time

@testable import denwa

/// When a session must not be enough.
@Suite struct SilentSignInTests {
    private let number = "+819012345678"
    private static let clients = """
        {"clients": [
          {"client_id": "app", "redirect_uris": ["https://app.example/cb"], "first_party": true},
          {"client_id": "native", "redirect_uris": ["mygame://login"], "first_party": true},
          {"client_id": "reviewed", "redirect_uris": ["https://reviewed.example/cb"], "first_party": true,
           "test_numbers": [{"phone_number": "+819012345678", "code": "424242", "expires_at": 1767272400}]}
        ]}
        """

    @Test func `an app's own scheme gets a code only while the person is looking`() async throws {
        try await TestServer.run(clients: Self.clients) { server in
            let browser = TestBrowser(server)
            let path = TestBrowser.authorizePath(client: "native")
            let back = try await browser.signIn(number, at: path)
            #expect(back.location?.hasPrefix("mygame://login?code=") == true, "a sign-in is attention enough")
            #expect(try await browser.get(path + "&prompt=none").parameter("error") == "consent_required")
            let question = try await browser.get(path)
            #expect(question.status == .ok)
            let answer = try await browser.submit(try question.form("/login/consent?"), ["decision": "allow"])
            #expect(answer.parameter("code") != nil)
            #expect(try await browser.get(path).status == .ok, "and the next time it is asked again")
        }
    }

    /// The proof of a sign-in is for one request: another app's request with the same proof is asked.
    @Test func `a proof of signing in works for its own request alone`() async throws {
        try await TestServer.run(clients: Self.clients) { server in
            let browser = TestBrowser(server)
            let page = try await browser.typeNumber(number, at: TestBrowser.authorizePath(client: "native"))
            while server.texts(to: number).isEmpty { try await Task.sleep(for: .milliseconds(2)) }
            let code = try #require(server.texts(to: number).last)
            let taken = try await browser.submit(try page.form("/login/code?"), ["code": code])
            let own = try #require(taken.location)
            let other = own.replacing("state-of-the-app", with: "state-of-a-thief")
            #expect(try await browser.get(other).status == .ok)
            #expect(try await browser.get(own).parameter("code") != nil)
        }
    }

    @Test func `a test account signs in nowhere but at its own app, and not for longer than its number`() async throws {
        try await TestServer.run(clients: Self.clients) { server in
            let browser = TestBrowser(server)
            let path = TestBrowser.authorizePath(client: "reviewed")
            let page = try await browser.typeNumber(number, at: path)
            let taken = try await browser.submit(try page.form("/login/code?"), ["code": "424242"])
            let back = try await browser.get(try #require(taken.location))
            let form = [
                "grant_type": "authorization_code", "client_id": "reviewed", "code": back.parameter("code") ?? "",
                "code_verifier": TestBrowser.verifier,
            ]
            let token = try #require(try await server.post("/oauth2/token", form: form).body?["access_token"]?.string)
            let claims = try await server.get("/oauth2/userinfo", bearer: token).body
            #expect(claims?["phone_number_verified"]?.bool == false, "nobody proved to hold it")

            let elsewhere = try await browser.get(TestBrowser.authorizePath(client: "app", "&prompt=none"))
            #expect(elsewhere.parameter("error") == "login_required")
            #expect(try await browser.get(path + "&prompt=none").parameter("code") != nil)
            server.clock.set(to: Timestamp(seconds: 1_767_272_400))
            #expect(try await browser.get(path + "&prompt=none").parameter("error") == "login_required")
        }
    }

    @Test func `a session gets so many codes and no more`() async throws {
        try await TestServer.run(
            clients: Self.clients, { $0.authorizePerSession = Limit(count: 2, windowSeconds: 60) }
        ) { server in
            let browser = TestBrowser(server)
            let first = try await browser.signIn(number)
            #expect(first.parameter("code") != nil)
            let path = TestBrowser.authorizePath()
            #expect(try await browser.get(path).parameter("code") != nil)
            #expect(try await browser.get(path).parameter("error") == "temporarily_unavailable")
            server.clock.advance(seconds: 30)
            #expect(try await browser.get(path).parameter("code") != nil)
        }
    }
}
