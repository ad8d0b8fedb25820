import Accounts
import Cryptography
import DeveloperLog
import JOSE
import TestSupport
import Testing
import Time

@testable import OAuth

@Suite struct EndSessionRequestTests {
    typealias Change = @Sendable (inout Parameters, OpenIDScene) throws -> Void

    private static let clients = [OpenIDScene.app, OpenIDScene.confidential, OpenIDScene.pairwise]

    /// A whole request, with everything that an app can say.
    private func parameters(_ scene: OpenIDScene) throws -> Parameters {
        Parameters([
            "id_token_hint": try scene.idToken(), "client_id": "app",
            "post_logout_redirect_uri": "https://app.example/bye", "state": "s", "ui_locales": "ja en",
        ])
    }

    private func request(
        _ parameters: Parameters, _ scene: OpenIDScene, on store: any SessionStore
    ) async throws -> EndSessionRequest {
        let endpoint = EndSessionEndpoint(
            registry: scene.registry, store: store, hints: scene.hints, subjects: scene.subjects)
        return try await endpoint.request(parameters.form, at: .noon)
    }

    @Test func `a request is what its parameters say`() async throws {
        try await withStore { store in
            let scene = try OpenIDScene(Self.clients)
            let parameters = try parameters(scene)
            let request = try await request(parameters, scene, on: store)
            #expect(request.client?.id == ClientID("app"))
            #expect(request.hint?.subject == OpenIDScene.alice.rawValue)
            #expect(request.redirect == "https://app.example/bye?state=s")
            #expect(request.uiLocales == ["ja", "en"])
            let names = ["id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"]
            #expect(request.parameters.map(\.name) == names)
            for (name, value) in request.parameters { #expect(value == parameters[name]) }
        }
    }

    /// One deviation each from a request that is accepted.
    static let refusals: [(name: String, reason: String, change: Change)] = [
        ("an unknown client", "client_id is", { parameters, _ in parameters["client_id"] = "nobody" }),
        (
            "an unknown client alone", "client_id is unknown",
            { parameters, _ in
                parameters["id_token_hint"] = nil
                parameters["client_id"] = "nobody"
            }
        ),
        (
            "another client than the hint's", "client_id is not the client of id_token_hint",
            { parameters, _ in parameters["client_id"] = "confidential" }
        ),
        (
            "another client's hint", "client_id is not the client of id_token_hint",
            { parameters, scene in parameters["id_token_hint"] = try scene.idToken(for: OpenIDScene.confidential) }
        ),
        (
            "a hint that is none", "id_token_hint is not",
            { parameters, _ in parameters["id_token_hint"] = "nonsense" }
        ),
        (
            "another server's hint", "id_token_hint is not",
            { parameters, _ in parameters["id_token_hint"] = try OpenIDScene().idToken() }
        ),
        (
            "a place that is not registered", "post_logout_redirect_uri is not registered",
            { parameters, _ in parameters["post_logout_redirect_uri"] = "https://evil.example/bye" }
        ),
        (
            "a place where people sign in", "post_logout_redirect_uri is not registered",
            { parameters, _ in parameters["post_logout_redirect_uri"] = "https://app.example/cb" }
        ),
        (
            "a longer place", "post_logout_redirect_uri is not registered",
            { parameters, _ in parameters["post_logout_redirect_uri"] = "https://app.example/bye/" }
        ),
        (
            "a place in capitals", "post_logout_redirect_uri is not registered",
            { parameters, _ in parameters["post_logout_redirect_uri"] = "https://APP.example/bye" }
        ),
        (
            "a place of nobody", "post_logout_redirect_uri needs",
            { parameters, _ in
                parameters["id_token_hint"] = nil
                parameters["client_id"] = nil
            }
        ),
        (
            "a client that registers no place", "post_logout_redirect_uri is not registered",
            { parameters, scene in
                parameters["id_token_hint"] = try scene.idToken(for: OpenIDScene.confidential)
                parameters["client_id"] = nil
            }
        ),
        ("two hints", "a parameter is repeated", { parameters, _ in parameters.add("id_token_hint", "x") }),
        ("two clients", "a parameter is repeated", { parameters, _ in parameters.add("client_id", "app") }),
        ("two states", "a parameter is repeated", { parameters, _ in parameters.add("state", "s") }),
        (
            "two places", "a parameter is repeated",
            { parameters, _ in parameters.add("post_logout_redirect_uri", "https://app.example/bye") }
        ),
    ]

    @Test(arguments: refusals)
    func `one deviation is refused, so that nobody is sent anywhere`(
        _ row: (name: String, reason: String, change: Change)
    ) async throws {
        try await withStore { store in
            let scene = try OpenIDScene(Self.clients)
            var parameters = try parameters(scene)
            try row.change(&parameters, scene)
            let failure = await #expect(throws: OAuthError.self) { try await request(parameters, scene, on: store) }
            #expect(failure?.code == .invalidRequest)
            #expect(failure.map { "\($0.description)".hasPrefix(row.reason) } == true)
        }
    }

    /// What may be left out, and where the browser goes then.
    static let accepted: [(name: String, client: String?, redirect: String?, change: Change)] = [
        (
            "nothing at all", nil, nil,
            { parameters, _ in
                for name in ["id_token_hint", "client_id", "post_logout_redirect_uri", "state", "ui_locales"] {
                    parameters[name] = nil
                }
            }
        ),
        (
            "the client alone", "app", "https://app.example/bye?state=s",
            { parameters, _ in parameters["id_token_hint"] = nil }
        ),
        (
            "the hint alone", "app", "https://app.example/bye?state=s",
            { parameters, _ in parameters["client_id"] = nil }
        ),
        ("no place", "app", nil, { parameters, _ in parameters["post_logout_redirect_uri"] = nil }),
        ("no state", "app", "https://app.example/bye", { parameters, _ in parameters["state"] = nil }),
        ("an empty state", "app", "https://app.example/bye", { parameters, _ in parameters["state"] = "" }),
        (
            "a state that needs care", "app", "https://app.example/bye?state=a%26b%3Dc%20%23%E9%9B%BB",
            { parameters, _ in parameters["state"] = "a&b=c #電" }
        ),
        (
            "a place with a query", "app", "https://app.example/bye?x=1&state=s",
            { parameters, _ in parameters["post_logout_redirect_uri"] = "https://app.example/bye?x=1" }
        ),
        (
            "a hint that expired", "app", "https://app.example/bye?state=s",
            { parameters, scene in
                parameters["id_token_hint"] = try scene.idToken(at: .noon.adding(seconds: -1_000_000))
            }
        ),
        (
            "what means nothing here", "app", "https://app.example/bye?state=s",
            { parameters, _ in
                parameters.add("logout_hint", "alice")
                parameters.add("utm_source", "a")
                parameters.add("utm_source", "b")
            }
        ),
    ]

    @Test(arguments: accepted)
    func `what may be left out is not missed`(
        _ row: (name: String, client: String?, redirect: String?, change: Change)
    ) async throws {
        try await withStore { store in
            let scene = try OpenIDScene(Self.clients)
            var parameters = try parameters(scene)
            try row.change(&parameters, scene)
            let request = try await request(parameters, scene, on: store)
            #expect(request.client?.id.rawValue == row.client)
            #expect(request.redirect == row.redirect)
            // The page that asks for a yes sends it again.
            var repeated = Parameters([:])
            for (name, value) in request.parameters { repeated.add(name, value) }
            #expect(try await self.request(repeated, scene, on: store).redirect == row.redirect)
        }
    }

    @Test func `a hint of an app that is gone still says of whom, and leads nowhere`() async throws {
        try await withStore { store in
            let scene = try OpenIDScene([OpenIDScene.confidential])
            var parameters = try parameters(scene)
            for name in ["client_id", "post_logout_redirect_uri"] { parameters[name] = nil }
            let request = try await request(parameters, scene, on: store)
            #expect(request.client == nil)
            #expect(request.redirect == nil)
        }
    }
}

/// When a browser is signed out at once, and when its person is asked first.
@Suite struct EndSessionTests {
    /// What an app shows of the person whose session it wants to end.
    enum Hint: Sendable {
        case none
        case ofPerson(session: Bool)
        case ofStranger(session: Bool)
    }

    static let rows: [(hint: Hint, isPairwise: Bool, isConfirmed: Bool, ends: Bool)] = [
        (.none, false, false, false), (.none, false, true, true),
        (.ofPerson(session: true), false, false, true), (.ofPerson(session: false), false, false, true),
        (.ofPerson(session: true), true, false, true), (.ofPerson(session: false), true, false, true),
        (.ofStranger(session: false), false, false, false), (.ofStranger(session: false), true, false, false),
        (.ofStranger(session: false), false, true, true),
        // Never seen, for a session is one person's; but it names the session.
        (.ofStranger(session: true), false, false, true),
    ]

    @Test(arguments: rows)
    func `only an app that knows the person or the session signs out unasked`(
        _ row: (hint: Hint, isPairwise: Bool, isConfirmed: Bool, ends: Bool)
    ) async throws {
        let client = row.isPairwise ? OpenIDScene.pairwise : OpenIDScene.app
        let scene = try OpenIDScene([client])
        try await withStore { store in
            let account = try await PhoneLoginFixture.inBrowser().beginSession("session", on: store)
            let session = try #require(try await store.session("session"))
            var parameters = Parameters(["client_id": client.id.rawValue])
            switch row.hint {
            case .none: break
            case .ofPerson(let named):
                parameters["id_token_hint"] = try scene.idToken(
                    of: account, for: client, session: named ? session.id.rawValue : "another")
            case .ofStranger(let named):
                parameters["id_token_hint"] = try scene.idToken(
                    of: OpenIDScene.bob, for: client, session: named ? session.id.rawValue : "another")
            }
            let endpoint = EndSessionEndpoint(
                registry: scene.registry, store: store, hints: scene.hints, subjects: scene.subjects)
            let request = try await endpoint.request(parameters.form, at: .noon)
            let ending = try await endpoint.end(
                request, session: "session", isConfirmed: row.isConfirmed, from: .home, at: .noon)
            #expect(ending == (row.ends ? .ended(session) : .confirmationNeeded(session)))
            let left = try await store.session("session")
            #expect((left == nil) == row.ends)
        }
    }

    /// A pairwise app's ids are its own: the raw ones, which it could only have from elsewhere, are nobody's.
    @Test func `the raw ids of person and session open nothing to a pairwise app`() async throws {
        let scene = try OpenIDScene([OpenIDScene.pairwise])
        let key = try known(scene.keys.current.activeKey(for: .es256))
        try await withStore { store in
            let account = try await PhoneLoginFixture.inBrowser().beginSession("session", on: store)
            let session = try #require(try await store.session("session"))
            let claims: JSONObject = [
                "iss": .string(scene.issuer.url), "sub": .string(account.rawValue), "aud": "pairwise",
                "sid": .string(session.id.rawValue),
            ]
            let token = try JWS.sign(claims.serialized(), type: "JWT", with: key)
            let endpoint = EndSessionEndpoint(
                registry: scene.registry, store: store, hints: scene.hints, subjects: scene.subjects)
            let request = try await endpoint.request(Parameters(["id_token_hint": token]).form, at: .noon)
            let ending = try await endpoint.end(
                request, session: "session", isConfirmed: false, from: .home, at: .noon)
            #expect(ending == .confirmationNeeded(session))
        }
    }

    @Test func `where nobody is signed in there is nothing to end or to ask`() async throws {
        let scene = try OpenIDScene()
        try await withStore { store in
            try await PhoneLoginFixture.inBrowser().beginSession("session", on: store)
            let endpoint = EndSessionEndpoint(
                registry: scene.registry, store: store, hints: scene.hints, subjects: scene.subjects)
            let request = try await endpoint.request(.none, at: .noon)
            for token in [nil, "nobody's", ""] {
                for isConfirmed in [true, false] {
                    let ending = try await endpoint.end(
                        request, session: token, isConfirmed: isConfirmed, from: .home, at: .noon)
                    #expect(ending == SessionEnding.none)
                }
            }
            #expect(try await store.session("session") != nil)
        }
    }
}
