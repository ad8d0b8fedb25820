import Cryptography
import TestSupport
import Testing
import Time

@testable import OAuth

@Suite struct ScopeTests {
    static let readable: [(text: String, tokens: [String])] = [
        ("", []), (" ", []), ("openid", ["openid"]), ("openid offline", ["openid", "offline"]),
        ("b a b a", ["b", "a"]), ("  a   b  ", ["a", "b"]),
        ("reports:read urn:x/y?z#w !~", ["reports:read", "urn:x/y?z#w", "!~"]),
    ]

    @Test(arguments: readable)
    func `a scope is a list of tokens without repeats`(_ row: (text: String, tokens: [String])) throws {
        let scope = try #require(Scope(row.text))
        #expect(scope.tokens == row.tokens)
        #expect(scope.text == row.tokens.joined(separator: " "))
        #expect(Scope(scope.text) == scope)
        #expect(scope.isEmpty == row.tokens.isEmpty)
    }

    @Test(arguments: [
        "a\"b", "a\\b", "a\tb", "a\nb", "a\u{0}b", "a\u{7F}", "é", "電話", "a\u{A0}b",
        String(repeating: "a", count: 1025),
    ])
    func `a character that RFC 6749 does not allow is refused`(_ text: String) {
        #expect(Scope(text) == nil)
    }

    static let comparisons: [(narrow: String, wide: String, isSubset: Bool)] = [
        ("", "", true), ("", "a", true), ("a", "a b", true), ("b a", "a b", true), ("a", "", false),
        ("a c", "a b", false),
        ("A", "a", false), ("ab", "a b", false),
    ]

    @Test(arguments: comparisons)
    func `a scope is within another when all its tokens are`(_ row: (narrow: String, wide: String, isSubset: Bool))
        throws
    {
        let (narrow, wide) = (try #require(Scope(row.narrow)), try #require(Scope(row.wide)))
        #expect(narrow.isSubset(of: wide) == row.isSubset)
    }

    @Test(arguments: [
        ("offline", true), ("offline_access", true), ("x offline", true), ("Offline", false), ("offlines", false),
        ("", false),
    ])
    func `two names ask for a refresh token`(_ row: (text: String, asks: Bool)) throws {
        #expect(try #require(Scope(row.text)).asksForRefreshToken == row.asks)
    }
}

@Suite struct CodeChallengeTests {
    /// RFC 7636 appendix B.
    private let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    private let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

    @Test func `the published verifier answers the published challenge`() throws {
        let challenge = try #require(CodeChallenge(challenge))
        #expect(CodeChallenge(answeredBy: verifier) == challenge)
        #expect(challenge.rawValue == self.challenge)
        #expect(CodeChallenge(answeredBy: verifier + "a") != challenge)
    }

    static let notChallenges = [
        "", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cMM",
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM=", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM",
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cN", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-c ",
        "dBjftJeZ4CVP.mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cé",
    ]

    @Test(arguments: notChallenges)
    func `a challenge is base64url of 32 bytes and nothing else`(_ text: String) {
        #expect(CodeChallenge(text) == nil)
    }

    static let verifiers: [(text: String, isOne: Bool)] = [
        (String(repeating: "a", count: 42), false), (String(repeating: "a", count: 43), true),
        (String(repeating: "~", count: 128), true), (String(repeating: "a", count: 129), false), ("", false),
        (String(repeating: "-._~", count: 11), true), (String(repeating: "a", count: 42) + "+", false),
        (String(repeating: "a", count: 42) + " ", false), (String(repeating: "a", count: 42) + "é", false),
        (String(repeating: "a", count: 43) + "\n", false), (String(repeating: "a", count: 43) + "%41", false),
        (String(repeating: "a", count: 42) + "=", false),
    ]

    @Test(arguments: verifiers)
    func `a verifier is 43 to 128 unreserved characters`(_ row: (text: String, isOne: Bool)) {
        #expect((CodeChallenge(answeredBy: row.text) != nil) == row.isOne)
    }
}

@Suite struct CodeBindingTests {
    private static let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    private static let uri = "https://game.example/Kallback"

    struct Row: Sendable {
        var wasRequested = true
        var hasChallenge = true
        var presented: String? = uri
        var verifier: String? = CodeBindingTests.verifier
        var mismatch: CodeMismatch?
    }

    static let rows: [Row] = [
        Row(),
        Row(hasChallenge: false, verifier: nil),
        Row(wasRequested: false, presented: nil),
        Row(wasRequested: false),
        Row(presented: nil, mismatch: .redirectURI),
        Row(presented: "", mismatch: .redirectURI),
        Row(presented: uri + "/", mismatch: .redirectURI),
        Row(presented: "https://game.example/kallback", mismatch: .redirectURI),
        Row(presented: "https://game.example/\u{212A}allback", mismatch: .redirectURI),
        Row(wasRequested: false, presented: "https://evil.example/", mismatch: .redirectURI),
        Row(verifier: nil, mismatch: .verifierMissing),
        Row(verifier: String(CodeBindingTests.verifier.reversed()), mismatch: .codeVerifier),
        Row(hasChallenge: false, mismatch: .verifierWithoutChallenge),
        // The redirect is judged first: a client that mixes two logins up learns of the right one.
        Row(presented: nil, verifier: nil, mismatch: .redirectURI),
    ]

    @Test(arguments: rows)
    func `one rule judges redirect and verifier`(_ row: Row) {
        let binding = CodeBinding(
            redirectURI: Self.uri, redirectWasRequested: row.wasRequested,
            codeChallenge: row.hasChallenge ? CodeChallenge(answeredBy: Self.verifier) : nil)
        var client = TokenFixture()
        client.redirectURI = row.presented
        client.verifier = row.verifier
        #expect(binding.mismatch(of: client.redeeming("code")) == row.mismatch)
    }
}

@Suite struct IssuerTests {
    static let good: [(text: String, url: String, host: String, isSecure: Bool, isLoopback: Bool)] = [
        ("https://login.example", "https://login.example", "login.example", true, false),
        ("https://login.example/", "https://login.example", "login.example", true, false),
        ("https://Login.Example:8443/tenant//", "https://Login.Example:8443/tenant", "login.example", true, false),
        ("http://localhost:8080", "http://localhost:8080", "localhost", false, true),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "127.0.0.1", false, true),
        ("http://127.8.9.1", "http://127.8.9.1", "127.8.9.1", false, true),
        ("http://[::1]:8080", "http://[::1]:8080", "::1", false, true),
        ("http://[2001:db8::1]", "http://[2001:db8::1]", "2001:db8::1", false, false),
        ("http://10.0.0.1", "http://10.0.0.1", "10.0.0.1", false, false),
    ]

    @Test(arguments: good)
    func `an issuer is a URL without slash at its end`(
        _ row: (text: String, url: String, host: String, isSecure: Bool, isLoopback: Bool)
    ) throws {
        let issuer = try #require(Issuer(row.text))
        #expect(issuer.url == row.url)
        #expect(issuer.host == row.host)
        #expect(issuer.isSecure == row.isSecure)
        #expect(issuer.isLoopback == row.isLoopback)
        #expect(issuer.appending("/oauth2/token") == row.url + "/oauth2/token")
    }

    @Test(arguments: ["http://127.0.0.1.evil.example", "http://127.example", "http://localhost.evil.example"])
    func `a name that only begins like this machine's is somebody else's`(_ text: String) throws {
        #expect(try #require(Issuer(text)).isLoopback == false)
    }

    static let bad = [
        "", "/", "login.example", "ftp://login.example", "com.example:/x", "https://", "https:///", "https:",
        "https://login.example?x", "https://login.example/?", "https://login.example#x", "https://user@login.example",
        "https://login.example/ ", "https://lögin.example", "javascript:x", "https://login.example/\n",
    ]

    @Test(arguments: bad)
    func `nothing else is an issuer`(_ text: String) {
        #expect(Issuer(text) == nil)
    }
}

@Suite struct PercentEncodingTests {
    static let rows: [(text: String, encoded: String)] = [
        ("", ""), ("AZaz09-._~", "AZaz09-._~"), (" ", "%20"), ("+", "%2B"), ("%", "%25"),
        ("a/b?c&d=e#f", "a%2Fb%3Fc%26d%3De%23f"),
        ("!*'();:@,$[]", "%21%2A%27%28%29%3B%3A%40%2C%24%5B%5D"), ("\r\n\u{0}\u{7F}", "%0D%0A%00%7F"),
        ("電話", "%E9%9B%BB%E8%A9%B1"),
        ("e\u{301}", "e%CC%81"),
    ]

    @Test(arguments: rows)
    func `everything but the unreserved is encoded byte for byte`(_ row: (text: String, encoded: String)) throws {
        #expect(PercentEncoding.encode(row.text) == row.encoded)
        guard !row.text.isEmpty, !row.text.contains("\u{0}") else { return }
        #expect(try FormParameters(parsing: "v=\(row.encoded)").optional("v") == row.text)
    }
}

@Suite struct RefreshTokenDerivationTests {
    private let derivation = RefreshTokenDerivation(secret: TestSecret.bytes)

    @Test func `a token always has the same successor, in every process`() {
        #expect(derivation.successor(of: "token") == derivation.successor(of: "token"))
        #expect(
            RefreshTokenDerivation(secret: TestSecret.bytes).successor(of: "token") == derivation.successor(of: "token")
        )
    }

    @Test func `a successor looks like any token and leads nowhere back`() throws {
        var token = Entropy.seeded(1).token()
        var family: Set<String> = [token]
        for _ in 0..<100 {
            token = derivation.successor(of: token)
            #expect(Base64URL.decode(token)?.count == 32)
            #expect(family.insert(token).inserted)
        }
    }

    @Test func `without the secret there is no successor`() {
        let other = RefreshTokenDerivation(secret: [UInt8](repeating: 0xA6, count: 32))
        #expect(other.successor(of: "token") != derivation.successor(of: "token"))
        #expect(derivation.successor(of: "token") != derivation.successor(of: "token "))
        #expect(
            derivation.successor(of: "token")
                != Base64URL.encode(HMAC.sha256(Array("token".utf8), key: TestSecret.bytes)))
    }
}
