import Accounts
import Cryptography
import DeveloperLog
import TestSupport
import Testing
import Time

@testable import OAuth

/// What is left to ask: session, request, consent and client on one side, the first thing that is missing on the other.
@Suite struct InteractionTests {
    /// A situation in which nothing is left to ask. A row changes what makes its difference.
    struct Situation: Sendable {
        var parameters = OpenIDScene.parameters
        var client = OpenIDScene.app
        var account = OpenIDScene.alice
        var testClient: String?
        /// The person signed in so long ago.
        var ageMilliseconds: Int64 = 100_000
        var consented: String? = "openid phone"
        var hasJustSignedIn = false

        func interaction() async throws -> Interaction? {
            let scene = try OpenIDScene([client])
            let session = Session(
                id: SessionID("session"), account: account, phoneNumber: PhoneNumberOfAlice.e164,
                testClient: testClient, authenticatedAt: .noon.adding(milliseconds: -ageMilliseconds),
                methods: [.oneTimePassword, .sms])
            return try await scene.request(parameters).interaction(
                session: session, consented: try consented.map { try known(Scope($0)) },
                hasJustSignedIn: hasJustSignedIn, subjects: scene.subjects, at: .noon)
        }
    }

    typealias Row = (name: String, interaction: Interaction?, change: @Sendable (inout Situation) throws -> Void)

    private func check(_ row: Row) async throws {
        var situation = Situation()
        try row.change(&situation)
        #expect(try await situation.interaction() == row.interaction)
    }

    static let consents: [Row] = [
        ("all that is asked was agreed to", nil, { _ in }),
        ("more was agreed to", nil, { $0.consented = "offline_access phone openid profile" }),
        ("in another order", nil, { $0.consented = "phone openid" }),
        ("less is asked", nil, { $0.parameters["scope"] = "openid" }),
        ("nothing is asked", nil, { $0.parameters["scope"] = nil }),
        ("nothing was agreed to", .consent, { $0.consented = nil }),
        ("an empty scope was agreed to", .consent, { $0.consented = "" }),
        ("less was agreed to", .consent, { $0.consented = "openid" }),
        ("another thing was agreed to", .consent, { $0.consented = "openid profile" }),
        (
            "nothing is asked, and nothing was agreed to", .consent,
            {
                $0.parameters["scope"] = nil
                $0.consented = nil
            }
        ),
        ("the app asks to ask again", .consent, { $0.parameters["prompt"] = "consent" }),
        (
            "the operator's own app", nil,
            {
                $0.client.isFirstParty = true
                $0.consented = nil
            }
        ),
        (
            "the operator's own app asks to ask", .consent,
            {
                $0.client.isFirstParty = true
                $0.parameters["prompt"] = "consent"
            }
        ),
    ]

    @Test(arguments: consents)
    func `consent is asked for what was not agreed to`(_ row: Row) async throws { try await check(row) }

    static let signIns: [Row] = [
        ("the app wants a fresh sign-in", .signIn, { $0.parameters["prompt"] = "login" }),
        ("and consent", .signIn, { $0.parameters["prompt"] = "consent login" }),
        ("and a choice", .signIn, { $0.parameters["prompt"] = "select_account login" }),
        ("the app wants a choice", .chooseAccount, { $0.parameters["prompt"] = "select_account" }),
        ("a choice and consent", .chooseAccount, { $0.parameters["prompt"] = "consent select_account" }),
        (
            "a choice in the operator's own app", .chooseAccount,
            {
                $0.client.isFirstParty = true
                $0.parameters["prompt"] = "select_account"
            }
        ),
        ("the sign-in is young enough", nil, { $0.parameters["max_age"] = "101" }),
        ("the sign-in is just too old", .signIn, { $0.parameters["max_age"] = "100" }),
        ("the client's own age is not reached", nil, { $0.client.defaultMaxAgeSeconds = 101 }),
        ("the client's own age is reached", .signIn, { $0.client.defaultMaxAgeSeconds = 100 }),
        (
            "the request allows more than the client's own age", nil,
            {
                $0.client.defaultMaxAgeSeconds = 1
                $0.parameters["max_age"] = "101"
            }
        ),
        (
            "it is so in a millisecond", nil,
            {
                $0.parameters["max_age"] = "100"
                $0.ageMilliseconds = 99_999
            }
        ),
        (
            "an age of nothing is never young enough", .signIn,
            {
                $0.parameters["max_age"] = "0"
                $0.ageMilliseconds = 0
            }
        ),
        (
            "the age comes before consent", .signIn,
            {
                $0.parameters["max_age"] = "1"
                $0.consented = nil
            }
        ),
        (
            "the age counts for the operator's own app", .signIn,
            {
                $0.client.isFirstParty = true
                $0.parameters["max_age"] = "1"
            }
        ),
        ("no interaction, and none is needed", nil, { $0.parameters["prompt"] = "none" }),
        (
            "no interaction, and consent is needed", .consent,
            {
                $0.parameters["prompt"] = "none"
                $0.consented = nil
            }
        ),
    ]

    @Test(arguments: signIns)
    func `a sign-in is asked for when the app wants a fresh one`(_ row: Row) async throws { try await check(row) }

    /// RFC 8252 §8.6: any app on the device can claim the scheme.
    static let nativeApps: [Row] = [
        ("while the person is looking", nil, { $0.hasJustSignedIn = true }),
        (
            "in the last moment of looking", nil,
            {
                $0.hasJustSignedIn = true
                $0.ageMilliseconds = 299_999
            }
        ),
        (
            "by an address of yesterday's sign-in", .consent,
            {
                $0.hasJustSignedIn = true
                $0.ageMilliseconds = 300_000
            }
        ),
        ("out of the blue", .consent, { _ in }),
        ("the operator's own, out of the blue", .consent, { $0.client.isFirstParty = true }),
        (
            "the operator's own, while the person is looking", nil,
            {
                $0.client.isFirstParty = true
                $0.consented = nil
                $0.hasJustSignedIn = true
            }
        ),
        (
            "that was never agreed to, while the person is looking", .consent,
            {
                $0.consented = nil
                $0.hasJustSignedIn = true
            }
        ),
        ("with a secret", nil, { $0.client.authenticationMethod = .clientSecretBasic }),
        (
            "by a loopback address", nil,
            {
                $0.client.redirectURIs = [RedirectURI("http://127.0.0.1/cb")].compactMap(\.self)
                $0.parameters["redirect_uri"] = "http://127.0.0.1:49152/cb"
            }
        ),
        (
            "by a link that only it can claim", nil,
            {
                $0.client.redirectURIs = [RedirectURI("https://app.example/cb")].compactMap(\.self)
                $0.parameters["redirect_uri"] = "https://app.example/cb"
            }
        ),
    ]

    @Test(arguments: nativeApps)
    func `a native app's own scheme gets nothing unseen`(_ row: Row) async throws {
        var situation = Situation()
        situation.client.redirectURIs = [RedirectURI("com.example.app:/cb")].compactMap(\.self)
        situation.parameters["redirect_uri"] = "com.example.app:/cb"
        try row.change(&situation)
        #expect(try await situation.interaction() == row.interaction)
    }

    /// Whom the app expects, by the `sub` it knows them by.
    static let expectations: [(name: String, isPairwise: Bool, expected: AccountID, interaction: Interaction?)] = [
        ("the person who is there", false, OpenIDScene.alice, nil),
        ("somebody else", false, OpenIDScene.bob, .signIn),
        ("the person who is there, by a name of this app's own", true, OpenIDScene.alice, nil),
        ("somebody else, by a name of this app's own", true, OpenIDScene.bob, .signIn),
    ]

    @Test(arguments: expectations)
    func `an app that expects somebody gets that person or nobody`(
        _ row: (name: String, isPairwise: Bool, expected: AccountID, interaction: Interaction?)
    ) async throws {
        var client = OpenIDScene.app
        if row.isPairwise {
            client.subjectType = .pairwise
            client.sectorIdentifier = "app.example"
        }
        let scene = try OpenIDScene([client])
        var parameters = OpenIDScene.parameters
        parameters["id_token_hint"] = try scene.idToken(of: row.expected, for: client)
        let session = Session(
            id: SessionID("session"), account: OpenIDScene.alice, phoneNumber: nil, authenticatedAt: .noon,
            methods: [.sms])
        let interaction = try await scene.request(parameters).interaction(
            session: session, consented: Scope("openid phone"), subjects: scene.subjects, at: .noon)
        #expect(interaction == row.interaction)
    }

    /// Attack 13: a fixed code opens the app that it was made for, for as long as it was made for.
    static let testAccounts: [Row] = [
        ("at its own client", nil, { $0.testClient = "app" }),
        ("at another client", .signIn, { $0.testClient = "another" }),
        ("at a client whose name only looks alike", .signIn, { $0.testClient = "\u{430}pp" }),
        ("at a client in capitals", .signIn, { $0.testClient = "APP" }),
        (
            "when its number is not registered any more", .signIn,
            {
                $0.testClient = "app"
                $0.client.testNumbers = []
            }
        ),
        (
            "when its time is over", .signIn,
            {
                $0.testClient = "app"
                $0.client.testNumbers = [
                    TestNumber(number: PhoneNumberOfAlice.e164, code: "424242", expiresAt: .noon)
                ]
            }
        ),
        (
            "in the last millisecond", nil,
            {
                $0.testClient = "app"
                $0.client.testNumbers = [
                    TestNumber(
                        number: PhoneNumberOfAlice.e164, code: "424242", expiresAt: .noon.adding(milliseconds: 1))
                ]
            }
        ),
        (
            "at the operator's own app that is another one", .signIn,
            {
                $0.testClient = "another"
                $0.client.isFirstParty = true
            }
        ),
    ]

    @Test(arguments: testAccounts)
    func `a test account signs in nowhere but where its number is registered`(_ row: Row) async throws {
        var situation = Situation()
        situation.client.testNumbers = [
            TestNumber(number: PhoneNumberOfAlice.e164, code: "424242", expiresAt: .noon.adding(seconds: 3600))
        ]
        try row.change(&situation)
        #expect(try await situation.interaction() == row.interaction)
    }

    @Test(arguments: [
        (Interaction.signIn, OAuthError.Code.loginRequired), (.chooseAccount, .loginRequired),
        (.consent, .consentRequired),
    ])
    func `an app that wants no interaction hears which one is needed`(
        _ row: (interaction: Interaction, code: OAuthError.Code)
    ) {
        #expect(row.interaction.refusal.code == row.code)
    }
}

private enum PhoneNumberOfAlice {
    static let e164 = "+819012345678"
}

/// The endpoint's steps on a store: questions, answers, and what goes back to the app.
@Suite struct AuthorizationStepTests {
    /// A step without what it carries; an answer by what the app reads first.
    private enum Step: Equatable {
        case signIn, chooseAccount, consent, code
        case error(String)

        init(_ step: AuthorizationStep) throws {
            switch step {
            case .signIn: self = .signIn
            case .chooseAccount: self = .chooseAccount
            case .consent: self = .consent
            case .respond(.redirect(let location)):
                let query = try FormParameters(parsing: location.drop { $0 != "?" }.dropFirst())
                if let error = try query.optional("error") { self = .error(error) } else { self = .code }
            case .respond(.formPost): throw BrokenFixture()
            }
        }
    }

    /// One browser at the endpoint.
    private struct Browser {
        let endpoint: AuthorizationEndpoint
        let scene: OpenIDScene
        var session: String? = "session"

        func ask(_ change: (inout Parameters) -> Void = { _ in }, at now: Timestamp = .noon) async throws -> Step {
            try Step(
                try await endpoint.step(
                    try await request(change), session: session, hasJustSignedIn: false, from: .home, at: now))
        }

        func answer(
            _ decision: ConsentDecision, _ change: (inout Parameters) -> Void = { _ in }
        ) async throws -> Step {
            try Step(
                try await endpoint.step(
                    try await request(change), session: session, consent: decision, from: .home, at: .noon))
        }

        func request(_ change: (inout Parameters) -> Void) async throws -> AuthorizationRequest {
            var parameters = OpenIDScene.parameters
            change(&parameters)
            return try await endpoint.request(try parameters.form, from: .home, at: .noon)
        }
    }

    private func withBrowser(
        _ clients: [Client] = [OpenIDScene.app],
        _ body: (_ browser: Browser, _ session: Session, _ account: AccountID) async throws -> Void
    ) async throws {
        let scene = try OpenIDScene(clients)
        try await withStore { store in
            let endpoint = AuthorizationEndpoint(
                requests: scene.reader(store), store: store, log: store, subjects: scene.subjects,
                settings: TokenSettings(), sessions: SessionSettings(),
                limitPerSession: nil, entropy: .seeded(1))
            let account = try await PhoneLoginFixture.inBrowser().beginSession("session", on: store)
            let session = try known(try await store.session("session"))
            try await body(Browser(endpoint: endpoint, scene: scene), session, account)
        }
    }

    @Test func `a person who agreed once is asked no more`() async throws {
        try await withBrowser { browser, session, _ in
            #expect(try await browser.ask() == .consent)
            let answer = try await browser.answer(ConsentDecision(session: session.id, isAllowed: true))
            #expect(answer == .code)
            #expect(try await browser.ask() == .code)
            #expect(try await browser.ask { $0["prompt"] = "none" } == .code)
            #expect(try await browser.ask { $0["scope"] = "openid phone profile" } == .consent)
        }
    }

    @Test func `a no is told to the app, and remembered by nobody`() async throws {
        try await withBrowser { browser, session, _ in
            let answer = try await browser.answer(ConsentDecision(session: session.id, isAllowed: false))
            #expect(answer == .error("access_denied"))
            #expect(try await browser.ask() == .consent)
        }
    }

    @Test func `an answer is of the session that was asked`() async throws {
        try await withBrowser { browser, session, _ in
            let decision = ConsentDecision(session: SessionID("another"), isAllowed: true)
            let answer = try await browser.answer(decision)
            #expect(answer == .consent, "whoever is there now is asked anew")
            #expect(try await browser.ask() == .consent)
            for token in [nil, "nobody's"] {
                var other = browser
                other.session = token
                let decision = ConsentDecision(session: session.id, isAllowed: true)
                #expect(try await other.answer(decision) == .signIn)
            }
        }
    }

    /// What an app hears that wants no interaction.
    static let silent: [(prompt: String?, session: String?, error: String)] = [
        (nil, nil, ""), (nil, "nobody's", ""), ("none", nil, "login_required"), ("none", "nobody's", "login_required"),
        ("none", "session", "consent_required"),
    ]

    @Test(arguments: silent)
    func `an app that wants no interaction gets an answer, never a page`(
        _ row: (prompt: String?, session: String?, error: String)
    ) async throws {
        try await withBrowser { browser, _, _ in
            var browser = browser
            browser.session = row.session
            let step = try await browser.ask { $0["prompt"] = row.prompt }
            #expect(step == (row.prompt == nil ? .signIn : .error(row.error)))
        }
    }

    @Test func `a session that is over is a sign-in, to the millisecond`() async throws {
        var client = OpenIDScene.app
        client.isFirstParty = true
        try await withBrowser([client]) { browser, _, _ in
            let end = Timestamp.noon.adding(seconds: SessionSettings().idleLifetimeSeconds)
            let over = try await browser.ask(at: end)
            #expect(over == .signIn)
            let last = try await browser.ask(at: end.adding(milliseconds: -1))
            #expect(last == .code)
            #expect(try await browser.ask(at: end) == .code, "it was in use")
        }
    }

    @Test func `whoever signs in instead of the one expected is not passed on`() async throws {
        try await withBrowser { browser, _, account in
            let (endpoint, scene) = (browser.endpoint, browser.scene)
            for (expected, isRefused) in [(account, false), (OpenIDScene.bob, true)] {
                let hint = try scene.idToken(of: expected)
                let request = try await browser.request { $0["id_token_hint"] = hint }
                let answer = endpoint.afterSignIn(request, as: account)
                #expect((answer != nil) == isRefused)
                if let answer { #expect(try Step(.respond(answer)) == .error("login_required")) }
            }
            let request = try await browser.request { _ in }
            #expect(endpoint.afterSignIn(request, as: account) == nil, "nobody was expected")
        }
    }
}
