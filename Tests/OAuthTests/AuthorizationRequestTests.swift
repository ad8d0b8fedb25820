import Accounts
import Cryptography
import DeveloperLog
import JOSE
import TestSupport
import Testing
import Time

@testable import OAuth

/// How an authorization request was refused, and who hears of it.
enum AuthorizationRefusal: Sendable, Equatable {
    /// The person: the app could not be told from a stranger.
    case shown(OAuthError.Code)
    case redirected(OAuthError.Code)

    init(_ failure: AuthorizationFailure) {
        self =
            switch failure {
            case .shown(let error, _): .shown(error.code)
            case .redirected(let error, _): .redirected(error.code)
            }
    }
}

@Suite struct AuthorizationRequestTests {
    typealias Change = @Sendable (inout Parameters) -> Void

    private static let clients: [Client] = {
        var strict = OpenIDScene.confidential
        strict.id = ClientID("strict")
        strict.requiresPKCE = true
        var machine = OpenIDScene.confidential
        machine.id = ClientID("machine")
        machine.grantTypes = [.clientCredentials]
        return [OpenIDScene.app, OpenIDScene.confidential, OpenIDScene.pairwise, strict, machine]
    }()

    private func refusal(_ parameters: Parameters) async throws -> AuthorizationRefusal? {
        do {
            _ = try await OpenIDScene(Self.clients).request(parameters)
            return nil
        } catch let failure as AuthorizationFailure {
            return AuthorizationRefusal(failure)
        }
    }

    @Test func `a request is what its parameters say`() async throws {
        let scene = try OpenIDScene()
        var parameters = OpenIDScene.parameters
        parameters["prompt"] = "consent login"
        parameters["max_age"] = "3600"
        parameters["login_hint"] = "+81 90 1234 5678"
        parameters["ui_locales"] = "ja-JP en"
        parameters["id_token_hint"] = try scene.idToken()
        let request = try await scene.request(parameters)
        #expect(request.client.id == ClientID("app"))
        #expect(request.target.redirect.uri == "https://app.example/cb")
        #expect(request.target.redirect.wasRequested)
        #expect(request.target.state == "state-of-the-app")
        #expect(request.target.mode == .query)
        #expect(request.scope.text == "openid phone")
        #expect(request.nonce == "n-0S6_WzA2Mj")
        #expect(request.codeChallenge?.rawValue == OpenIDScene.challenge)
        #expect(request.prompt == [.login, .consent])
        #expect(request.maxAgeSeconds == 3600)
        #expect(request.loginHint == "+81 90 1234 5678")
        #expect(request.uiLocales == ["ja-JP", "en"])
        #expect(request.expectedSubject == OpenIDScene.alice.rawValue)
    }

    @Test func `what is left out is absent`() async throws {
        let request = try await OpenIDScene([OpenIDScene.confidential]).request(
            Parameters(["client_id": "confidential", "response_type": "code", "state": "12345678"]))
        #expect(request.target.redirect.uri == "https://app.example/cb")
        #expect(!request.target.redirect.wasRequested, "the only one there is was taken")
        #expect(request.scope.isEmpty)
        #expect(request.codeChallenge == nil && request.nonce == nil && request.maxAgeSeconds == nil)
        #expect(request.loginHint == nil && request.expectedSubject == nil)
        #expect(request.prompt.isEmpty && request.uiLocales.isEmpty)
    }

    /// One deviation each from a request that is accepted. Nothing of these may redirect.
    static let shown: [(name: String, change: Change)] = [
        ("no client", { $0["client_id"] = nil }), ("an empty client", { $0["client_id"] = "" }),
        ("an unknown client", { $0["client_id"] = "nobody" }), ("a client in capitals", { $0["client_id"] = "APP" }),
        ("the client twice", { $0.add("client_id", "app") }),
        ("two clients", { $0.add("client_id", "confidential") }),
        ("no redirect of two", { $0["redirect_uri"] = nil }), ("an empty redirect", { $0["redirect_uri"] = "" }),
        ("the redirect twice", { $0.add("redirect_uri", "https://app.example/cb") }),
        ("two redirects", { $0.add("redirect_uri", "https://app.example/other") }),
        ("a strange redirect", { $0["redirect_uri"] = "https://evil.example/cb" }),
        ("another app's redirect", { $0["redirect_uri"] = "https://pair.example/cb" }),
        ("a longer redirect", { $0["redirect_uri"] = "https://app.example/cb/" }),
        ("a path out of it", { $0["redirect_uri"] = "https://app.example/cb/../other" }),
        ("another query", { $0["redirect_uri"] = "https://app.example/cb?x=1" }),
        ("a fragment", { $0["redirect_uri"] = "https://app.example/cb#x" }),
        ("another scheme", { $0["redirect_uri"] = "http://app.example/cb" }),
        ("a scheme in capitals", { $0["redirect_uri"] = "HTTPS://app.example/cb" }),
        ("a host in capitals", { $0["redirect_uri"] = "https://APP.example/cb" }),
        ("a port", { $0["redirect_uri"] = "https://app.example:443/cb" }),
        ("userinfo", { $0["redirect_uri"] = "https://app.example@evil.example/cb" }),
        ("a backslash", { $0["redirect_uri"] = "https://app.example\\@evil.example/cb" }),
        ("an encoded path", { $0["redirect_uri"] = "https://app.example/%63b" }),
        ("a relative redirect", { $0["redirect_uri"] = "/cb" }),
        ("a script", { $0["redirect_uri"] = "javascript:alert(1)" }),
        ("a line break", { $0["redirect_uri"] = "https://app.example/cb\r\nX: y" }),
        ("a combining mark", { $0["redirect_uri"] = "https://app.example/cb\u{301}" }),
    ]

    @Test(arguments: shown)
    func `without a redirect that is known for sure the person is told, and nobody else`(
        _ row: (name: String, change: Change)
    ) async throws {
        var parameters = OpenIDScene.parameters
        row.change(&parameters)
        // Another fault cannot make it a redirect either.
        for alsoWrong in [false, true] {
            if alsoWrong { parameters["response_type"] = "token" }
            #expect(try await refusal(parameters) == .shown(.invalidRequest))
        }
    }

    static let long = String(repeating: "s", count: 1025)

    /// One deviation each from a request that is accepted, of an app that is known.
    static let redirected: [(name: String, code: OAuthError.Code, change: Change)] = [
        ("no response type", .invalidRequest, { $0["response_type"] = nil }),
        ("implicit", .unsupportedResponseType, { $0["response_type"] = "token" }),
        ("hybrid", .unsupportedResponseType, { $0["response_type"] = "code id_token" }),
        ("an ID token alone", .unsupportedResponseType, { $0["response_type"] = "id_token" }),
        ("a response type in capitals", .unsupportedResponseType, { $0["response_type"] = "CODE" }),
        ("the code twice over", .unsupportedResponseType, { $0["response_type"] = "code code" }),
        ("the fragment", .invalidRequest, { $0["response_mode"] = "fragment" }),
        ("another mode", .invalidRequest, { $0["response_mode"] = "web_message" }),
        ("a mode in capitals", .invalidRequest, { $0["response_mode"] = "QUERY" }),
        ("a registration", .registrationNotSupported, { $0["registration"] = "{}" }),
        ("a machine", .unauthorizedClient, { $0["client_id"] = "machine" }),
        ("a malformed scope", .invalidScope, { $0["scope"] = "openid\tphone" }),
        ("an endless scope", .invalidScope, { $0["scope"] = long }),
        ("a wider scope", .invalidScope, { $0["scope"] = "openid admin" }),
        ("none and more", .invalidRequest, { $0["prompt"] = "none login" }),
        ("more and none", .invalidRequest, { $0["prompt"] = "consent none" }),
        ("an endless nonce", .invalidRequest, { $0["nonce"] = long }),
        ("a line break in the nonce", .invalidRequest, { $0["nonce"] = "n\r\nn" }),
        ("a negative age", .invalidRequest, { $0["max_age"] = "-1" }),
        ("an age with a sign", .invalidRequest, { $0["max_age"] = "+1" }),
        ("an age with a fraction", .invalidRequest, { $0["max_age"] = "1.5" }),
        ("an age in words", .invalidRequest, { $0["max_age"] = "soon" }),
        ("an age in full-width digits", .invalidRequest, { $0["max_age"] = "３６００" }),
        ("an age beyond all", .invalidRequest, { $0["max_age"] = "1234567890" }),
        ("a hint that is none", .invalidRequest, { $0["id_token_hint"] = "nonsense" }),
    ]

    @Test(arguments: redirected)
    func `an app that is known hears what is wrong with its request`(
        _ row: (name: String, code: OAuthError.Code, change: Change)
    ) async throws {
        var parameters = OpenIDScene.parameters
        row.change(&parameters)
        #expect(try await refusal(parameters) == .redirected(row.code))
    }

    @Test(arguments: [
        "response_type", "scope", "state", "nonce", "code_challenge", "code_challenge_method", "response_mode",
        "prompt", "max_age", "login_hint", "ui_locales", "acr_values", "id_token_hint",
    ])
    func `a parameter that means something may not be there twice`(_ name: String) async throws {
        var parameters = OpenIDScene.parameters
        if parameters[name] == nil { parameters.add(name, "") }
        parameters.add(name, parameters[name] ?? "")
        #expect(try await refusal(parameters) == .redirected(.invalidRequest))
    }

    /// Who may leave PKCE out, and what counts as PKCE (RFC 7636, RFC 9700 §2.1.1).
    static let proofs: [(client: String, challenge: String?, method: String?, isAccepted: Bool)] = [
        ("app", OpenIDScene.challenge, "S256", true), ("app", nil, nil, false), ("app", nil, "S256", false),
        ("app", OpenIDScene.challenge, nil, false), ("app", OpenIDScene.challenge, "plain", false),
        ("app", OpenIDScene.challenge, "s256", false), ("app", OpenIDScene.verifier + ".", "S256", false),
        ("app", "short", "S256", false), ("app", OpenIDScene.challenge + "=", "S256", false), ("app", "", "", false),
        ("confidential", nil, nil, true), ("confidential", OpenIDScene.challenge, "S256", true),
        ("confidential", OpenIDScene.challenge, "plain", false), ("confidential", OpenIDScene.challenge, nil, false),
        ("confidential", nil, "S256", false), ("confidential", nil, "plain", false),
        ("strict", nil, nil, false), ("strict", OpenIDScene.challenge, "S256", true),
    ]

    @Test(arguments: proofs)
    func `PKCE is there in full, or was never asked for`(
        _ row: (client: String, challenge: String?, method: String?, isAccepted: Bool)
    ) async throws {
        var parameters = OpenIDScene.parameters
        parameters["client_id"] = row.client
        parameters["code_challenge"] = row.challenge
        parameters["code_challenge_method"] = row.method
        #expect(try await refusal(parameters) == (row.isAccepted ? nil : .redirected(.invalidRequest)))
    }

    /// Without PKCE the state is all that ties the answer to the browser.
    static let states: [(state: String?, withPKCE: Bool, without: Bool)] = [
        (nil, true, false), ("", true, false), ("1234567", false, false), ("12345678", true, true),
        ("電話電話電話電話", true, true), ("電話電話電話電", false, false), (String(repeating: "s", count: 1024), true, true),
        (long, false, false), (String(repeating: "電", count: 342), false, false), ("1234567\u{7}", false, false),
        ("1234\r\n5678", false, false), ("1234\t5678", false, false), ("1234\u{7F}5678", false, false),
    ]

    @Test(arguments: states)
    func `a state is long enough to be secret, and short enough to carry`(
        _ row: (state: String?, withPKCE: Bool, without: Bool)
    ) async throws {
        for (client, isAccepted) in [("app", row.withPKCE), ("confidential", row.without)] {
            var parameters = OpenIDScene.parameters
            parameters["client_id"] = client
            parameters["state"] = row.state
            if client == "confidential" {
                parameters["code_challenge"] = nil
                parameters["code_challenge_method"] = nil
            }
            #expect(try await refusal(parameters) == (isAccepted ? nil : .redirected(.invalidRequest)), "\(client)")
        }
    }

    static let prompts: [(text: String, prompt: Set<Prompt>)] = [
        ("none", [.none]), ("login", [.login]), ("login consent select_account", [.login, .consent, .selectAccount]),
        ("login  login", [.login]), ("create", []), ("LOGIN", []), ("login create", [.login]), (" ", []),
    ]

    @Test(arguments: prompts)
    func `a prompt is a set of words, of which unknown ones mean nothing`(
        _ row: (text: String, prompt: Set<Prompt>)
    ) async throws {
        var parameters = OpenIDScene.parameters
        parameters["prompt"] = row.text
        #expect(try await OpenIDScene().request(parameters).prompt == row.prompt)
    }

    static let modes: [(text: String?, mode: ResponseMode)] = [
        (nil, .query), ("", .query), ("query", .query), ("form_post", .formPost),
    ]

    @Test(arguments: modes)
    func `an answer travels as the app wants it`(_ row: (text: String?, mode: ResponseMode)) async throws {
        var parameters = OpenIDScene.parameters
        parameters["response_mode"] = row.text
        #expect(try await OpenIDScene().request(parameters).target.mode == row.mode)
    }

    /// OpenID Connect Core §3.1.2.6 has the error travel as the answer would have.
    @Test func `an error travels as the answer would have, with what can be trusted of the request`() async throws {
        func target(_ change: Change) async throws -> AuthorizationTarget {
            var parameters = OpenIDScene.parameters
            parameters["response_type"] = "token"
            change(&parameters)
            do {
                _ = try await OpenIDScene().request(parameters)
            } catch AuthorizationFailure.redirected(_, let target) {
                return target
            }
            throw BrokenFixture()
        }
        let byForm = try await target { $0["response_mode"] = "form_post" }
        #expect(byForm.mode == .formPost)
        #expect(byForm.state == "state-of-the-app")
        let byFragment = try await target { $0["response_mode"] = "fragment" }
        #expect(byFragment.mode == .query)
        let twice = try await target { $0.add("state", "another state") }
        #expect(twice.state == nil, "of two states none is the app's")
        #expect(twice.redirect.uri == "https://app.example/cb")
    }

    @Test func `a redirect to a loopback address may name any port`() async throws {
        let native = Client.fixture("app", redirectURIs: ["http://127.0.0.1/cb", "http://[::1]/cb"])
        for uri in ["http://127.0.0.1:49152/cb", "http://127.0.0.1/cb", "http://[::1]:1/cb"] {
            var parameters = OpenIDScene.parameters
            parameters["redirect_uri"] = uri
            #expect(try await OpenIDScene([native]).request(parameters).target.redirect.uri == uri)
        }
    }

    // MARK: - What is carried along

    @Test func `a request that was carried along is the same request`() async throws {
        let scene = try OpenIDScene()
        var parameters = OpenIDScene.parameters
        parameters["state"] = "a&b=c d%é 電話+/?#\"<>\u{301}'"
        parameters["nonce"] = "%26=&+"
        parameters["prompt"] = "consent  login"
        parameters["max_age"] = "060"
        parameters["login_hint"] = "+81 90"
        parameters["ui_locales"] = "ja en"
        parameters["acr_values"] = "urn:x aal1"
        parameters["response_mode"] = "form_post"
        parameters["id_token_hint"] = try scene.idToken()
        var request = try await scene.request(parameters)
        let query = request.query
        for _ in 0..<3 {
            request = try await scene.request(FormParameters(parsing: request.query))
            #expect(request.query == query)
        }
        #expect(request.target.state?.utf8.elementsEqual("a&b=c d%é 電話+/?#\"<>\u{301}'".utf8) == true)
        #expect(request.nonce == "%26=&+")
        #expect(request.prompt == [.login, .consent])
        #expect(request.maxAgeSeconds == 60)
        #expect(request.loginHint == "+81 90")
        #expect(request.expectedSubject == OpenIDScene.alice.rawValue)
        #expect(query.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\"") })
    }

    static let wishes: [(prompt: String?, left: String?)] = [
        (nil, nil), ("login", nil), ("select_account", nil), ("login select_account", nil), ("consent", "consent"),
        ("login consent", "consent"), ("select_account consent login", "consent"), ("none", "none"), ("create", nil),
    ]

    @Test(arguments: wishes)
    func `a sign-in fulfils the wish for one, and no other wish`(_ row: (prompt: String?, left: String?)) async throws {
        let scene = try OpenIDScene()
        var parameters = OpenIDScene.parameters
        parameters["prompt"] = row.prompt
        parameters["max_age"] = "0"
        parameters["login_hint"] = "+819012345678"
        parameters["ui_locales"] = "ja"
        parameters["id_token_hint"] = try scene.idToken()
        let before = try await scene.request(parameters)
        let query = try FormParameters(parsing: before.queryAfterSignIn)
        #expect(try query.optional("prompt") == row.left)
        #expect(try query.optional("max_age") == nil)
        #expect(try query.optional("login_hint") == nil)

        let after = try await scene.request(query)
        #expect(after.queryAfterSignIn == before.queryAfterSignIn)
        #expect(after.target.state == before.target.state)
        #expect(after.scope == before.scope)
        #expect(after.nonce == before.nonce)
        #expect(after.codeChallenge == before.codeChallenge)
        #expect(after.uiLocales == before.uiLocales)
        #expect(after.expectedSubject == before.expectedSubject)
    }

    /// Attack 12. What means nothing here is neither an error, nor carried along, nor of any effect.
    static let unknown: [(name: String, change: Change)] = [
        ("a wish to be verified", { $0.add("verified", "true") }), ("a test flag", { $0.add("test", "1") }),
        (
            "a tracking tool's, twice",
            {
                $0.add("utm_source", "a")
                $0.add("utm_source", "b")
            }
        ),
        ("claims", { $0.add("claims", #"{"id_token":{"auth_time":{"essential":true}}}"#) }),
        ("claims that are no JSON", { $0.add("claims", "{{{{") }),
        (
            "claims, twice",
            {
                $0.add("claims", "{}")
                $0.add("claims", "{}")
            }
        ),
        ("a name in capitals", { $0.add("PROMPT", "none") }), ("a name with a space", { $0.add("prompt ", "none") }),
        ("a name that looks alike", { $0.add("\u{441}lient_id", "confidential") }),
        ("no name", { $0.add("", "none") }), ("a display", { $0.add("display", "touch") }),
    ]

    @Test(arguments: unknown)
    func `what means nothing here is ignored`(_ row: (name: String, change: Change)) async throws {
        var parameters = OpenIDScene.parameters
        let plain = try await OpenIDScene().request(parameters)
        row.change(&parameters)
        #expect(try await OpenIDScene().request(parameters).query == plain.query)
    }

    /// RFC 9470 §5: an app that needs more than there is must not take what it gets for that.
    @Test(arguments: ["aal3", "urn:mace:incommon:iap:silver", "1 2 3", "\"<>", "AAL1"])
    func `a context that does not exist here cannot be met`(_ values: String) async throws {
        var parameters = OpenIDScene.parameters
        parameters["acr_values"] = values
        let failure = await #expect(throws: AuthorizationFailure.self) {
            try await OpenIDScene().request(parameters)
        }
        #expect(failure?.error.code == .unmetAuthenticationRequirements)
    }

    @Test(arguments: ["aal1", "aal3 aal1"])
    func `one context that exists is enough`(_ values: String) async throws {
        var parameters = OpenIDScene.parameters
        parameters["acr_values"] = values
        let request = try await OpenIDScene().request(parameters)
        #expect(try FormParameters(parsing: request.query).optional("acr_values") == values)
        #expect(request.prompt.isEmpty && request.maxAgeSeconds == nil)
    }

    /// RFC 6749 §3.1.
    @Test(arguments: [
        "registration", "response_mode", "prompt", "max_age", "login_hint", "ui_locales",
        "acr_values", "id_token_hint",
    ])
    func `a parameter without a value counts as omitted`(_ name: String) async throws {
        var parameters = OpenIDScene.parameters
        let plain = try await OpenIDScene().request(parameters)
        parameters[name] = ""
        #expect(try await OpenIDScene().request(parameters).query == plain.query)
    }

    @Test func `no more than ten languages are read`() async throws {
        var parameters = OpenIDScene.parameters
        parameters["ui_locales"] = (0..<50).map { "x-\($0)" }.joined(separator: " ")
        #expect(try await OpenIDScene().request(parameters).uiLocales == (0..<10).map { "x-\($0)" })
    }

    // MARK: - Hints

    @Test func `a hint is this client's, expired or not`() async throws {
        let scene = try OpenIDScene([OpenIDScene.app, OpenIDScene.confidential])
        var parameters = OpenIDScene.parameters
        parameters["id_token_hint"] = try scene.idToken(at: .noon.adding(seconds: -1_000_000))
        #expect(try await scene.request(parameters).expectedSubject == OpenIDScene.alice.rawValue)
        parameters["id_token_hint"] = try scene.idToken(for: OpenIDScene.confidential)
        let failure = await #expect(throws: AuthorizationFailure.self) { try await scene.request(parameters) }
        #expect(failure.map(AuthorizationRefusal.init) == .redirected(.invalidRequest))
    }
}

@Suite struct RefusedRedirectTests {
    /// What the developer log hears: a redirect that is not registered is a slip of the pen, or somebody fishing.
    static let rows: [(name: String, isLogged: Bool, change: @Sendable (inout Parameters) -> Void)] = [
        ("a good request", false, { _ in }), ("an unknown client", false, { $0["client_id"] = "nobody" }),
        ("a strange redirect", true, { $0["redirect_uri"] = "https://evil.example/" }),
        ("no redirect of two", true, { $0["redirect_uri"] = nil }),
        ("another fault", false, { $0["response_type"] = "token" }),
    ]

    @Test(arguments: rows)
    func `a redirect that is not registered is a line in the log, without it`(
        _ row: (name: String, isLogged: Bool, change: @Sendable (inout Parameters) -> Void)
    ) async throws {
        var parameters = OpenIDScene.parameters
        row.change(&parameters)
        let form = try parameters.form
        let scene = try OpenIDScene()
        try await withStore { store in
            let endpoint = AuthorizationEndpoint(
                requests: scene.reader(store), store: store, log: store, subjects: scene.subjects,
                settings: TokenSettings(), sessions: SessionSettings(),
                limitPerSession: nil, entropy: .seeded(1))
            _ = try? await endpoint.request(form, from: .home, at: .noon)
            let events = try await store.log()
            #expect(events.map(\.kind) == (row.isLogged ? [.redirectRefused] : []))
            #expect(events.allSatisfy { $0.clientID == "app" && !"\($0)".contains("evil") })
        }
    }
}
