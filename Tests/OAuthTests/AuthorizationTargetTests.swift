import Cryptography
import TestSupport
import Testing

@testable import OAuth

/// Where an answer goes, and that it arrives as it left.
@Suite struct AuthorizationTargetTests {
    private func target(
        _ uri: String = "https://app.example/cb", state: String? = "state-of-the-app", mode: ResponseMode = .query
    ) throws -> AuthorizationTarget {
        let client = Client.fixture("app", redirectURIs: [uri])
        return AuthorizationTarget(
            client: client, redirect: try client.verifyRedirect(uri), state: state, mode: mode,
            issuer: try known(Issuer("https://login.example/tenant")))
    }

    /// What follows the question mark of a redirect.
    private func query(_ response: AuthorizationResponse) throws -> FormParameters {
        guard case .redirect(let location) = response, let question = location.firstIndex(of: "?") else {
            throw BrokenFixture()
        }
        return try FormParameters(parsing: location[location.index(after: question)...])
    }

    @Test func `a code goes back with the state and the issuer`() throws {
        guard case .redirect(let location) = try target().response(code: "a-code_~.") else {
            Issue.record("it must be a redirect")
            return
        }
        let parameters = "code=a-code_~.&state=state-of-the-app&iss=https%3A%2F%2Flogin.example%2Ftenant"
        #expect(location == "https://app.example/cb?\(parameters)")
    }

    @Test(arguments: OAuthError.Code.allCases)
    func `an error goes back in its own word, with the state and the issuer`(_ code: OAuthError.Code) throws {
        let query = try query(target().response(OAuthError(code, "what is wrong & why")))
        #expect(try query.optional("error") == code.rawValue)
        #expect(try query.optional("error_description") == "what is wrong & why")
        #expect(try query.optional("state") == "state-of-the-app")
        #expect(try query.optional("iss") == "https://login.example/tenant")
        #expect(try query.optional("code") == nil)
    }

    static let states = [
        "12345678", " leading and trailing ", "a+b c%20d%2B", "&code=stolen&iss=https://evil.example", "#fragment",
        "\"><script>alert(1)</script>", "電話", "e\u{301}", "\u{E9}", "\u{212A}", "\u{202E}txt",
        "\u{1F469}\u{200D}\u{1F4BB}", "=", "%", "%zz", "\\", "'", "..;/", String(repeating: "s", count: 1024),
    ]

    @Test(arguments: states)
    func `a state comes back byte for byte, and once`(_ state: String) throws {
        for response in [
            try target(state: state).response(code: "code"),
            try target(state: state).response(OAuthError(.accessDenied, "no")),
        ] {
            let returned = try #require(try query(response).optional("state"))
            #expect(returned.utf8.elementsEqual(state.utf8))
            #expect(try query(response).optional("iss") == "https://login.example/tenant", "nothing was added by it")
            guard case .redirect(let location) = response else { return }
            #expect(location.utf8.allSatisfy { (0x21...0x7E).contains($0) && !"#\"<>\\".utf8.contains($0) })
        }
    }

    @Test func `without a state none comes back`() throws {
        let response = try target(state: nil).response(code: "code")
        #expect(try query(response).has("state") == false)
        #expect(try query(response).optional("iss") != nil)
    }

    /// RFC 6749 §3.1.2: the query of a registered redirect is kept.
    static let redirects: [(uri: String, beginning: String)] = [
        ("https://app.example/cb", "https://app.example/cb?code=c&"),
        ("https://app.example", "https://app.example?code=c&"),
        ("https://app.example/cb?", "https://app.example/cb?code=c&"),
        ("https://app.example/cb?x=1", "https://app.example/cb?x=1&code=c&"),
        ("https://app.example/cb?x=1&", "https://app.example/cb?x=1&code=c&"),
        ("https://app.example/cb?x=%26&y", "https://app.example/cb?x=%26&y&code=c&"),
        ("com.example.app:/cb", "com.example.app:/cb?code=c&"),
        ("com.example.app://login", "com.example.app://login?code=c&"),
        ("http://127.0.0.1:49152/cb", "http://127.0.0.1:49152/cb?code=c&"),
        ("http://[::1]:49152/", "http://[::1]:49152/?code=c&"),
    ]

    @Test(arguments: redirects)
    func `what an app registered stays as it is, and the answer follows it`(
        _ row: (uri: String, beginning: String)
    ) throws {
        guard case .redirect(let location) = try target(row.uri).response(code: "c") else {
            Issue.record("it must be a redirect")
            return
        }
        #expect(location.hasPrefix(row.beginning))
        #expect(!location.contains("#"), "a fragment would hide it from the app's server")
    }

    @Test(arguments: states)
    func `a form has the same fields, as they are`(_ state: String) throws {
        let target = try target("https://app.example/cb?x=1", state: state, mode: .formPost)
        guard case .formPost(let uri, let fields) = target.response(code: "a code") else {
            Issue.record("it must be a form")
            return
        }
        #expect(uri == "https://app.example/cb?x=1")
        #expect(fields.map(\.name) == ["code", "state", "iss"])
        #expect(
            fields.map { Array($0.value.utf8) }
                == ["a code", state, "https://login.example/tenant"].map { Array($0.utf8) })
    }

    @Test func `an error by form has the error's fields`() throws {
        let target = try target(state: nil, mode: .formPost)
        guard case .formPost(let uri, let fields) = target.response(OAuthError(.loginRequired, "nobody")) else {
            Issue.record("it must be a form")
            return
        }
        #expect(uri == "https://app.example/cb")
        #expect(fields.map(\.name) == ["error", "error_description", "iss"])
        #expect(fields.map(\.value) == ["login_required", "nobody", "https://login.example/tenant"])
    }

    @Test(arguments: [
        ("https://app.example/cb", false), ("http://127.0.0.1/cb", false), ("http://localhost/cb", false),
        ("HTTPS://app.example/cb", false), ("com.example.app:/cb", true), ("mygame://login", true),
        ("httpsx://app.example/cb", true),
    ])
    func `a scheme that any app can claim is told from one that has an owner`(
        _ row: (uri: String, isPrivateUse: Bool)
    ) throws {
        #expect(try target(row.uri).redirect.isPrivateUse == row.isPrivateUse)
    }
}
