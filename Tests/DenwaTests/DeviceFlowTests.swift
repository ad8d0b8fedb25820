import Cryptography
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import JOSE
import OAuth
import RateLimiting
import TestSupport
import Testing
import Time

@testable import denwa

/// A device that asks, a person who reads its code, on a clock that the test moves.
@Suite struct DeviceFlowTests {
    static let clients = """
        {"clients": [
          {"client_id": "tv", "client_name": "Star TV", "scope": "openid phone offline_access",
           "token_endpoint_auth_method": "none", "resources": ["https://films.example/"],
           "grant_types": ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"]},
          {"client_id": "other", "grant_types": ["urn:ietf:params:oauth:grant-type:device_code"]},
          {"client_id": "app", "redirect_uris": ["https://app.example/cb"]}
        ]}
        """
    private let number = "+819012345678"
    private static let grantType = "urn:ietf:params:oauth:grant-type:device_code"

    private func begin(
        _ server: TestServer, _ more: [String: String] = ["scope": "openid phone offline_access"]
    ) async throws -> (device: String, user: String) {
        let reply = try await server.post(
            "/oauth2/device_authorization", form: ["client_id": "tv"].merging(more) { $1 })
        #expect(reply.status == .ok)
        return (
            try #require(reply.body?["device_code"]?.string), try #require(reply.body?["user_code"]?.string)
        )
    }

    private func poll(_ server: TestServer, _ code: String, client: String = "tv") async throws -> TestServer.Reply {
        try await server.post(
            "/oauth2/token", form: ["grant_type": Self.grantType, "client_id": client, "device_code": code])
    }

    /// Types the code, and signs in where that is asked for: the question.
    private func question(_ browser: TestBrowser, _ code: String) async throws -> TestBrowser.Page {
        let entry = try await browser.get("/device")
        let taken = try await browser.submit(try entry.form("/device"), ["user_code": code])
        guard let signIn = taken.location else { return taken }
        let back = try await browser.signIn(number, at: signIn)
        let home = try #require(back.location)
        #expect(home.hasPrefix("http://localhost:8080/device?"))
        let question = try await browser.get(String(home.dropFirst("http://localhost:8080".count)))
        return try await browser.get(try #require(question.location))
    }

    @Test func `a device says where to go, what to type and how often to ask`() async throws {
        try await TestServer.run(clients: Self.clients) { server in
            let reply = try await server.post("/oauth2/device_authorization", form: ["client_id": "tv"])
            #expect(reply.status == .ok)
            #expect(reply.headers[.cacheControl] == "no-store")
            let code = try #require(reply.body?["user_code"]?.string)
            #expect(code.wholeMatch(of: #/[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}/#) != nil)
            #expect(reply.body?["device_code"]?.string?.utf8.count == 43)
            #expect(reply.body?["verification_uri"]?.string == "http://localhost:8080/device")
            let complete = "http://localhost:8080/device?user_code=\(code)"
            #expect(reply.body?["verification_uri_complete"]?.string == complete)
            let picture = "http://localhost:8080/device/qr.svg?user_code=\(code)"
            #expect(reply.body?["verification_qr_uri"]?.string == picture)
            #expect(reply.body?["expires_in"]?.integer == 600)
            #expect(reply.body?["interval"]?.integer == 5)
        }
    }

    @Test func `a yes at the page gives the device its tokens, and only once`() async throws {
        try await TestServer.run(clients: Self.clients) { server in
            let codes = try await begin(server)
            #expect(try await poll(server, codes.device).errorCode == "authorization_pending")
            let browser = TestBrowser(server)
            let question = try await question(browser, codes.user.lowercased())
            #expect(question.html.contains("Star TV") && question.html.contains(codes.user))
            #expect(question.html.contains("+8190****5678"))
            let done = try await browser.submit(try question.form("/device/confirm"), ["decision": "allow"])
            #expect(done.status == .ok)
            #expect(done.html.contains("Your device is connected"))

            let tokens = try await poll(server, codes.device)
            #expect(tokens.status == .ok)
            #expect(tokens.body?["scope"]?.string == "openid phone offline_access")
            let claims = try JWTClaims(
                parsing: UnverifiedJWS(try #require(tokens.body?["id_token"]?.string)).payload)
            #expect(claims["sid"]?.string != nil)
            #expect(claims["nonce"] == nil)
            let refresh = try #require(tokens.body?["refresh_token"]?.string)
            let next = try await server.post(
                "/oauth2/token", form: ["grant_type": "refresh_token", "client_id": "tv", "refresh_token": refresh])
            #expect(next.status == .ok)
            #expect(try await poll(server, codes.device).errorCode == "invalid_grant")
        }
    }

    @Test func `a no is told to the device`() async throws {
        try await TestServer.run(clients: Self.clients) { server in
            let codes = try await begin(server)
            let browser = TestBrowser(server)
            let question = try await question(browser, codes.user)
            let done = try await browser.submit(try question.form("/device/confirm"), ["decision": "deny"])
            #expect(done.html.contains("Your device wasn’t connected"))
            #expect(try await poll(server, codes.device).errorCode == "access_denied")
        }
    }

    @Test func `whoever is signed in is asked at once, and no address answers`() async throws {
        try await TestServer.run(clients: Self.clients) { server in
            let browser = TestBrowser(server)
            _ = try await question(browser, try await begin(server).user)
            let codes = try await begin(server)
            for path in ["/device?user_code=\(codes.user)", "/device/confirm?user_code=\(codes.user)"] {
                #expect(try await browser.get(path + "&decision=allow").status == .ok)
                let head = try await server.http.executeRequest(uri: path, method: .head, headers: [:], body: nil)
                #expect(head.body.readableBytes == 0)
            }
            #expect(try await poll(server, codes.device).errorCode == "authorization_pending")
            let asked = try await question(browser, codes.user)
            var form = try asked.form("/device/confirm")
            form.fields["csrf"] = "of another browser"
            let lost = try await browser.submit(form, ["decision": "allow"])
            #expect(lost.status == .forbidden)
            form = try asked.form("/device/confirm")
            form.fields["session"] = "another session"
            #expect(try await browser.submit(form, ["decision": "allow"]).html.contains("/device/confirm"))
            #expect(try await browser.submit(try asked.form("/device/confirm")).html.contains("/device/confirm"))
            server.clock.advance(seconds: 5)
            #expect(try await poll(server, codes.device).errorCode == "authorization_pending")
        }
    }

    @Test func `another person who signed in meanwhile is asked anew`() async throws {
        try await TestServer.run(clients: Self.clients) { server in
            let codes = try await begin(server)
            let browser = TestBrowser(server)
            let asked = try await question(browser, codes.user)
            _ = try await browser.signIn("+819098765432", at: TestBrowser.authorizePath("&prompt=login"))
            let again = try await browser.submit(try asked.form("/device/confirm"), ["decision": "allow"])
            #expect(again.html.contains("+8190****5432"))
            #expect(try await poll(server, codes.device).errorCode == "authorization_pending")
            let done = try await browser.submit(try again.form("/device/confirm"), ["decision": "allow"])
            #expect(done.html.contains("Your device is connected"))
        }
    }

    /// Each row changes one thing in a request that would succeed.
    static let refusals: [(form: [String: String], error: String)] = [
        (["client_id": "app"], "unauthorized_client"), (["client_id": "nobody"], "invalid_client"),
        (["client_id": "tv", "scope": "openid email"], "invalid_scope"),
        (["client_id": "tv", "scope": "open\"id"], "invalid_scope"),
        (["client_id": "tv", "resource": "https://elsewhere.example/"], "invalid_target"),
    ]

    @Test(arguments: refusals)
    func `a device gets nothing that its client may not have`(_ row: (form: [String: String], error: String))
        async throws
    {
        try await TestServer.run(clients: Self.clients) { server in
            let reply = try await server.post("/oauth2/device_authorization", form: row.form)
            #expect(reply.errorCode == row.error)
            #expect(reply.headers[.cacheControl] == "no-store")
            #expect(try await server.composition.store.count("device_authorization") == 0)
        }
    }

    @Test func `polls are paced, and codes end at their second`() async throws {
        try await TestServer.run(clients: Self.clients, { $0.device.codeLifetimeSeconds = 30 }) { server in
            let codes = try await begin(server)
            #expect(try await poll(server, codes.device).errorCode == "authorization_pending")
            server.clock.advance(seconds: 4)
            #expect(try await poll(server, codes.device).errorCode == "slow_down")
            server.clock.advance(seconds: 9)
            #expect(try await poll(server, codes.device).errorCode == "slow_down")
            server.clock.advance(seconds: 15)
            #expect(try await poll(server, codes.device).errorCode == "authorization_pending")
            #expect(try await poll(server, codes.device, client: "other").errorCode == "invalid_grant")
            server.clock.advance(seconds: 2)
            #expect(try await poll(server, codes.device).errorCode == "expired_token")
            #expect(try await poll(server, "unknown").errorCode == "invalid_grant")
            #expect(try await poll(server, "").errorCode == "invalid_request")
            let page = try await TestBrowser(server).get("/device/confirm?user_code=\(codes.user)")
            #expect(page.status == .notFound)
            #expect(page.html.contains("That code isn’t right, or it has expired."))
        }
    }

    @Test func `the person sees what kind of device asks, and for what`() async throws {
        try await TestServer.run(clients: Self.clients) { server in
            let response = try await server.http.executeRequest(
                uri: "/oauth2/device_authorization", method: .post,
                headers: [
                    .contentType: "application/x-www-form-urlencoded",
                    .userAgent: "Mozilla/5.0 (PlayStation 5; PlayStation/2.26) <b>Own</b>",
                ], body: ByteBuffer(string: "client_id=tv&scope=openid%20phone"))
            let body = try JSONValue(parsing: Array(response.body.readableBytesView))
            let question = try await question(TestBrowser(server), try #require(body["user_code"]?.string))
            #expect(question.html.contains("<dd><bdi>PlayStation</bdi></dd>"))
            #expect(question.html.contains("<li>See your phone number</li>"))
            #expect(!question.html.contains("Own"))
        }
    }

    @Test func `strangers who guess at codes are stopped, and told when to come back`() async throws {
        let limit = Limit(count: 3, windowSeconds: 300)
        try await TestServer.run(clients: Self.clients, { $0.device.userCodePerIP = limit }) { server in
            let codes = try await begin(server)
            let browser = TestBrowser(server)
            let form = try await browser.get("/device").form("/device")
            for guess in ["BBBB-BBBB", "no code at all", "XXXX-XXXX"] {
                let page = try await browser.submit(form, ["user_code": guess])
                #expect(page.status == .notFound)
                #expect(page.html.contains("value=\"\(guess)\""), "to be mended, not typed again")
            }
            let refused = try await browser.submit(form, ["user_code": codes.user])
            #expect(refused.status == .tooManyRequests)
            #expect(refused.headers[.retryAfter] == "100")
            let policy = try #require(HTTPField.Name("RateLimit-Policy"))
            #expect(refused.headers[policy]?.contains("userCodePerIP") == true)
            #expect(try await browser.get("/device/confirm?user_code=\(codes.user)").status == .tooManyRequests)
            server.clock.advance(seconds: 100)
            #expect(try await browser.submit(form, ["user_code": codes.user]).location != nil)
        }
    }

    @Test func `a code that came with the address is there to be compared, and nothing else is shown of it`()
        async throws
    {
        try await TestServer.run(clients: Self.clients) { server in
            let linked = try await TestBrowser(server).get("/device?user_code=bcdf%20ghjk")
            #expect(linked.html.contains("value=\"BCDF-GHJK\""))
            #expect(linked.html.contains("Check that your device shows this code."))
            let nonsense = try await TestBrowser(server).get("/device?user_code=%3Cscript%3E")
            #expect(nonsense.html.contains("value=\"\""))
            #expect(!nonsense.html.contains("script&gt;"))
        }
    }

    @Test func `the picture is of the address, for well-formed codes alone`() async throws {
        try await TestServer.run(clients: Self.clients) { server in
            let picture = try await TestBrowser(server).get("/device/qr.svg?user_code=BCDF-GHJK")
            #expect(picture.status == .ok)
            #expect(picture.headers[.contentType] == "image/svg+xml")
            #expect(picture.html.hasPrefix("<svg xmlns="))
            for query in ["", "?user_code=", "?user_code=BCDF", "?user_code=AAAA-AAAA", "?user_code=%22%3E"] {
                #expect(try await TestBrowser(server).get("/device/qr.svg\(query)").status == .notFound)
            }
        }
    }

    @Test func `a token is for the resource that the person was asked about`() async throws {
        try await TestServer.run(clients: Self.clients) { server in
            let codes = try await begin(server, ["resource": "https://films.example/"])
            let browser = TestBrowser(server)
            let asked = try await question(browser, codes.user)
            _ = try await browser.submit(try asked.form("/device/confirm"), ["decision": "allow"])
            let token = try #require(try await poll(server, codes.device).body?["access_token"]?.string)
            #expect(try JWTClaims(parsing: UnverifiedJWS(token).payload).audience == ["https://films.example/"])
        }
    }
}
