import Foundation
import Testing

@testable import DenwaClient

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

@Suite("Signing in")
struct SignInTests {
    private let server = FakeServer()

    /// A phone login that goes well. The number's device is `device-1`.
    private func answersPhoneLogin() {
        server.on("/request") { _ in
            .json(#"{"operation_id":"operation","expires_in":180,"resend_after":30,"code_length":6}"#)
        }
        server.on("/confirm") { [server] _ in
            let state = server.requests(to: "/request").last?.url?.queryParameters["state"] ?? ""
            return .json(#"{"login_url":"game://cb?lang=ja&code=the-code&state=\#(state)","device_id":"device-1"}"#)
        }
        server.issuesTokens()
    }

    @Test("by phone asks, confirms and trades the code, each bound to the other")
    func phoneLogin() async throws {
        answersPhoneLogin()
        let session = try server.session()
        let pending = try await session.requestCode(for: "+81 90-1234-5678")
        #expect(pending.phoneNumber == "+819012345678")
        #expect(pending.codeLength == 6)
        #expect((175...180).contains(pending.expiresAt.timeIntervalSinceNow))
        #expect((25...30).contains(pending.resendAt.timeIntervalSinceNow))
        try await session.confirm("９５５ 680", for: pending)
        #expect(await session.isSignedIn)
        #expect(try await session.accessToken() == "access-1")

        let request = try #require(server.requests(to: "/request").first)
        let query = try #require(request.url?.queryParameters)
        #expect(query["response_type"] == "code")
        #expect(query["client_id"] == "game")
        #expect(query["scope"] == "offline_access")
        #expect(query["code_challenge_method"] == "S256")
        #expect(query["ui_locales"] == "ja en")
        #expect(query["state"]?.count == 43)
        #expect(request.json == ["phone_number": "+819012345678"])
        let confirm = try #require(server.requests(to: "/confirm").first)
        #expect(confirm.json == ["operation_id": "operation", "phone_number": "+819012345678", "code": "955680"])
        let exchange = try #require(server.requests(to: "/token").first)
        #expect(exchange.form["code"] == "the-code")
        #expect(CodeVerifier(exchange.form["code_verifier"] ?? "").challenge == query["code_challenge"])
    }

    @Test("again at the same number says which device this is, and at another one does not")
    func knownDevice() async throws {
        answersPhoneLogin()
        let storage = MemoryStorage()
        let session = try server.session(storage: storage)
        try await session.confirm("1", for: try await session.requestCode(for: "+819012345678"))
        let later = try server.session(storage: storage)
        _ = try await later.requestCode(for: "+819012345678")
        _ = try await later.requestCode(for: "+819087654321")
        #expect(server.requests(to: "/request").map(\.json["device_id"]) == [nil, "device-1", nil])
    }

    @Test("takes no answer that is another sign-in's")
    func foreignState() async throws {
        answersPhoneLogin()
        server.on("/confirm") { _ in .json(#"{"login_url":"game://cb?code=c&state=another","device_id":"d"}"#) }
        let session = try server.session()
        let pending = try await session.requestCode(for: "+819012345678")
        let error = await #expect(throws: DenwaError.self) { try await session.confirm("1", for: pending) }
        #expect(error?.reason == .wrongAnswer)
        #expect(server.requests(to: "/token").isEmpty)
    }

    @Test("can go on after the app was ended")
    func writtenDown() async throws {
        answersPhoneLogin()
        let written = try JSONEncoder().encode(try await server.session().requestCode(for: "+819012345678"))
        let session = try server.session()
        try await session.confirm("1", for: try JSONDecoder().decode(PendingSignIn.self, from: written))
        #expect(await session.isSignedIn)
    }

    @Test("shows no secret when it is printed")
    func descriptions() async throws {
        answersPhoneLogin()
        let pending = try await server.session().requestCode(for: "+819012345678")
        for secret in [pending.secrets.verifier.text, pending.secrets.state, pending.handle, "+819012345678"] {
            #expect(!"\(pending)".contains(secret))
        }
    }

    @Test(
        "takes no ID token that is for another client, server or sign-in",
        arguments: [
            (#"{"iss":"https://id.example.com","aud":"game"}"#, true),
            (#"{"iss":"https://id.example.com","aud":"other"}"#, false),
            (#"{"iss":"https://other.example.com","aud":"game"}"#, false),
            (#"{"iss":"https://id.example.com","aud":"game","nonce":"another"}"#, false),
        ])
    func idTokens(payload: String, isGood: Bool) async throws {
        answersPhoneLogin()
        let token = "e30.\(Data(payload.utf8).base64URL).c2ln"
        server.on("/token") { _ in
            .json(#"{"access_token":"a","token_type":"bearer","expires_in":60,"id_token":"\#(token)"}"#)
        }
        let session = try server.session { $0.scope = "openid" }
        let pending = try await session.requestCode(for: "+819012345678")
        if isGood {
            try await session.confirm("1", for: pending)
            #expect(try await session.idToken() == token)
        } else {
            let error = await #expect(throws: DenwaError.self) { try await session.confirm("1", for: pending) }
            #expect(error?.reason == .wrongAnswer)
        }
        #expect(await session.isSignedIn == isGood)
    }

    @Test("asks nothing of a server that calls itself something else")
    func foreignMetadata() async throws {
        let session = try server.session {
            $0.issuer = $0.issuer.appendingPathComponent("tenant")
        }
        server.on("/.well-known/oauth-authorization-server/tenant") { _ in
            .json(
                """
                {"issuer":"https://id.example.com","authorization_endpoint":"https://id.example.com/authorize",\
                "token_endpoint":"https://id.example.com/token","revocation_endpoint":"https://id.example.com/revoke",\
                "userinfo_endpoint":"https://id.example.com/userinfo"}
                """)
        }
        let error = await #expect(throws: DenwaError.self) { try await session.requestCode(for: "+819012345678") }
        #expect(error?.reason == .wrongAnswer)
    }

    @Test("sends nothing over plain http")
    func plainHTTP() async throws {
        let session = try server.session { $0.issuer = URL(string: "http://id.example.com") ?? $0.issuer }
        let error = await #expect(throws: DenwaError.self) { try await session.requestCode(for: "+819012345678") }
        #expect(error?.reason == .misconfigured)
        #expect(server.requests(to: "/.well-known/oauth-authorization-server").isEmpty)
    }
}

@Suite("The challenge flow")
struct ChallengeTests {
    private let server = FakeServer(dpop: true)
    private static let begun = FakeServer.Answer.refusal(
        400,
        """
        {"error":"insufficient_authorization","error_description":"a code was texted","auth_session":"session",\
        "otp_required":true,"expires_in":180,"resend_after":30,"code_length":6}
        """)

    @Test("asks, answers and trades the code, every time with a proof of one key")
    func flow() async throws {
        server.on("/challenge") { request in
            request.form["otp"] == nil
                ? Self.begun : .json(#"{"authorization_code":"the-code","device_id":"device-1"}"#)
        }
        server.issuesTokens(type: "DPoP")
        let session = try server.session()
        let pending = try await session.requestCode(for: "+819012345678", by: .challenge)
        #expect(pending.codeLength == 6)
        let resent = try await session.resendCode(for: pending)
        try await session.confirm("955680", for: resent)

        let asked = server.requests(to: "/challenge").map(\.form)
        #expect(asked[0]["login_hint"] == "+819012345678")
        #expect(asked[0]["code_challenge_method"] == "S256")
        #expect(asked[1] == ["client_id": "game", "auth_session": "session", "resend": "true"])
        #expect(asked[2] == ["client_id": "game", "auth_session": "session", "otp": "955680"])
        let exchange = try #require(server.requests(to: "/token").first)
        #expect(exchange.form["code"] == "the-code")
        #expect(CodeVerifier(exchange.form["code_verifier"] ?? "").challenge == asked[0]["code_challenge"])
        let proofs = (server.requests(to: "/challenge") + [exchange]).compactMap(\.proof)
        #expect(proofs.count == 4)
        #expect(Set(proofs.map(\.header.jwk.x)).count == 1)
        #expect(Set(proofs.map(\.claims.jti)).count == 4)
        #expect(try await session.vault.deviceID(at: "+819012345678") == "device-1")
    }

    @Test(
        "tells a wrong code from a sign-in that is over",
        arguments: [
            ("insufficient_authorization", DenwaError.Reason.wrongCode), ("invalid_session", .signInOver),
            ("access_denied", .denied),
        ])
    func refusals(code: String, reason: DenwaError.Reason) async throws {
        server.on("/challenge") { request in
            request.form["otp"] == nil
                ? Self.begun : .refusal(400, #"{"error":"\#(code)","auth_session":"session","expires_in":9}"#)
        }
        let session = try server.session()
        let pending = try await session.requestCode(for: "+819012345678", by: .challenge)
        let error = await #expect(throws: DenwaError.self) { try await session.confirm("1", for: pending) }
        #expect(error?.reason == reason)
    }

    @Test("goes on in the browser when the server says so, with the same PKCE")
    func browser() async throws {
        server.on("/challenge") { _ in
            .refusal(400, #"{"error":"redirect_to_web","request_uri":"urn:example:1","expires_in":60}"#)
        }
        server.issuesTokens()
        let session = try server.session()
        let error = await #expect(throws: DenwaError.self) {
            try await session.requestCode(for: "+819012345678", by: .challenge)
        }
        #expect(error?.reason == .browserNeeded)
        let browser = try #require(error?.browserSignIn)
        #expect(
            browser.url.absoluteString
                == "https://id.example.com/authorize?client_id=game&request_uri=urn%3Aexample%3A1")
        let callback = try #require(URL(string: "game://cb?code=web&iss=https%3A%2F%2Fid.example.com"))
        try await session.finish(browser, at: callback)
        let (asked, traded) = (server.requests(to: "/challenge")[0].form, server.requests(to: "/token")[0].form)
        #expect(traded["code"] == "web")
        #expect(CodeVerifier(traded["code_verifier"] ?? "").challenge == asked["code_challenge"])
    }
}

@Suite("Signing in by browser")
struct BrowserTests {
    private let server = FakeServer(dpop: true)

    private func begin() async throws -> (DenwaSession, BrowserSignIn) {
        server.issuesTokens(type: "DPoP")
        let session = try server.session { $0.redirectURI = "game://cb" }
        return (session, try await session.browserSignIn(phoneNumber: "+8190", prompt: "login"))
    }

    @Test("asks for a code that is bound to this device")
    func address() async throws {
        let (session, browser) = try await begin()
        let query = browser.url.queryParameters
        #expect(query["redirect_uri"] == "game://cb")
        #expect(query["login_hint"] == "+8190")
        #expect(query["prompt"] == "login")
        #expect(query["state"] == browser.secrets.state)
        #expect(query["code_challenge"] == browser.secrets.verifier.challenge)
        #expect(query["dpop_jkt"] == (try await session.boundProver().thumbprint))
    }

    @Test(
        "takes the answer that is its own, and no other",
        arguments: [
            ("code=c&state=STATE&iss=https%3A%2F%2Fid.example.com", nil),
            ("code=c&state=another&iss=https%3A%2F%2Fid.example.com", DenwaError.Reason.wrongAnswer),
            ("code=c&state=STATE&iss=https%3A%2F%2Fother.example.com", .wrongAnswer),
            ("code=c&state=STATE", .wrongAnswer),
            ("state=STATE&iss=https%3A%2F%2Fid.example.com", .wrongAnswer),
            ("error=access_denied&state=STATE&iss=https%3A%2F%2Fid.example.com", .denied),
            ("error=login_required&state=STATE&iss=https%3A%2F%2Fid.example.com", .refused),
        ])
    func answers(query: String, reason: DenwaError.Reason?) async throws {
        let (session, browser) = try await begin()
        let text = "game://cb?" + query.replacingOccurrences(of: "STATE", with: browser.secrets.state)
        let callback = try #require(URL(string: text))
        if let reason {
            let error = await #expect(throws: DenwaError.self) { try await session.finish(browser, at: callback) }
            #expect(error?.reason == reason)
            #expect(server.requests(to: "/token").isEmpty)
        } else {
            try await session.finish(browser, at: callback)
            #expect(server.requests(to: "/token").first?.form["redirect_uri"] == "game://cb")
        }
    }

    @Test("needs a redirect URI")
    func noRedirectURI() async throws {
        let session = try server.session()
        let error = await #expect(throws: DenwaError.self) { try await session.browserSignIn() }
        #expect(error?.reason == .misconfigured)
    }
}
