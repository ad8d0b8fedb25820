import OAuth
import TestSupport
import Testing

@Suite struct RedirectURITests {
    static let acceptable = [
        "https://game.example/callback", "https://game.example", "https://game.example:8443/cb?tenant=1&x=%20",
        "https://[2001:db8::1]/cb", "http://127.0.0.1/cb", "http://127.0.0.1:1234/cb", "http://[::1]:1234/cb",
        "http://localhost:8080/cb", "com.example.game:/callback", "com.example.game://callback", "com.example.game:cb",
        "https://xn--bcher-kva.example/cb", "https://game.example/a//b/./..;v=1/~$!'(),@:=",
    ]

    @Test(arguments: acceptable)
    func `an absolute URI of an app is taken as it stands`(_ text: String) throws {
        let uri = try #require(RedirectURI(text))
        #expect(uri.text == text)
        #expect(uri.matches(text))
    }

    static let unacceptable: [(text: String, because: String)] = [
        ("", "empty"), ("a:b", "too short to be one"), ("/callback", "relative"), ("//game.example/cb", "no scheme"),
        ("game.example/cb", "no scheme"), ("https:game.example/cb", "no authority"),
        ("https:/game.example", "no authority"),
        ("https:///cb", "empty authority"), ("https://", "empty authority"), ("https://?x", "empty authority"),
        ("https://user@game.example/cb", "user info"), ("https://game.example@evil.example/cb", "user info"),
        ("https://user:password@game.example/cb", "user info"), ("https://game.example/cb#", "fragment"),
        ("https://game.example/cb#top", "fragment"), ("https://*.game.example/cb", "wildcard"),
        ("https://game.example/*", "wildcard"), ("https://game.example\\@evil.example/cb", "backslash"),
        ("https://game.example/a\\b", "backslash"), ("https://game.example/a b", "space"),
        (" https://game.example", "space"),
        ("https://game.example/\n", "line break"), ("https://game.example/\u{0}", "NUL"),
        ("https://game.example/<script>", "markup"), ("https://game.example/\"x", "quote"),
        ("https://{host}/cb", "template"),
        ("https://game.example/a|b", "not a URI's character"), ("https://game.example/^", "not a URI's character"),
        ("https://bücher.example/cb", "not ASCII"), ("https://game.example/電話", "not ASCII"),
        ("https://game.example/\u{212A}", "the Kelvin sign"), ("https://game.ex\u{200B}ample/cb", "invisible"),
        ("javascript:alert(1)", "script"), ("JavaScript:alert(1)", "script"),
        ("javascript://game.example/%0aalert(1)", "script"),
        ("data:text/html,x", "document"), ("vbscript:x()", "script"), ("file:///etc/passwd", "file"),
        ("blob:https://game.example/1", "document"), ("about:blank", "page of the browser"),
        ("filesystem:https://game.example/x", "file"), ("view-source:https://game.example", "page of the browser"),
        ("1http://game.example", "a scheme starts with a letter"), ("ht tp://game.example", "not a scheme"),
        ("://game.example/cb", "no scheme"),
        ("https://game.example/" + String(repeating: "a", count: 2048), "too long"),
    ]

    @Test(arguments: unacceptable)
    func `what a browser may read in two ways is not registered`(_ row: (text: String, because: String)) {
        #expect(RedirectURI(row.text) == nil)
    }

    /// Requests at a client that registered `https://game.example/callback?from=denwa`.
    static let strangers = [
        "https://game.example/callback", "https://game.example/callback?from=denwa&x=1",
        "https://game.example/callback/?from=denwa", "https://game.example/Callback?from=denwa",
        "https://GAME.example/callback?from=denwa", "HTTPS://game.example/callback?from=denwa",
        "http://game.example/callback?from=denwa", "https://game.example:443/callback?from=denwa",
        "https://game.example./callback?from=denwa", "https://game.example/callback?from=denwa#",
        "https://game.example/./callback?from=denwa", "https://game.example/x/../callback?from=denwa",
        "https://game.example/%2e%2e/callback?from=denwa", "https://game.example//callback?from=denwa",
        "https://game.example/%63allback?from=denwa", "https://game.example\\callback?from=denwa",
        "https://user@game.example/callback?from=denwa", "https://evil.example/callback?from=denwa",
        "https://game.example.evil.example/callback?from=denwa", "https://game.example/callback?from=denwa ",
        " https://game.example/callback?from=denwa", "https://game.example/callback?from=denwa\u{0}", "",
        "https://game.example/cal\u{212A}back?from=denwa", "javascript:alert(1)",
    ]

    @Test(arguments: strangers)
    func `a request matches by exact string or not at all`(_ requested: String) throws {
        let uri = try #require(RedirectURI("https://game.example/callback?from=denwa"))
        #expect(!uri.matches(requested))
    }

    @Test func `characters that Swift finds equal are not the same bytes`() throws {
        let uri = try #require(RedirectURI("https://game.example/K"))
        let kelvin = "https://game.example/\u{212A}"
        #expect(uri.text == kelvin, "as Swift compares")
        #expect(!uri.matches(kelvin))
    }

    static let loopbacks: [(registered: String, requested: String, matches: Bool)] = [
        ("http://127.0.0.1/cb", "http://127.0.0.1:49152/cb", true),
        ("http://127.0.0.1:1234/cb", "http://127.0.0.1:49152/cb", true),
        ("http://127.0.0.1:1234/cb", "http://127.0.0.1/cb", true),
        ("http://127.0.0.1:1234", "http://127.0.0.1:1", true),
        ("http://[::1]/cb?x=1", "http://[::1]:65535/cb?x=1", true),
        ("http://127.0.0.1/cb", "http://127.0.0.1:0/cb", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1:65536/cb", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1:99999999999999999999/cb", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1:/cb", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1:-1/cb", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1:８０/cb", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1:80@evil.example/cb", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1:80\\@evil.example/cb", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1.evil.example/cb", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1:80.evil.example/cb", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1:80/cb2", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1:80/cb?x=1", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1:80/cb#x", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1:80/%63b", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1:80/../cb", false),
        ("http://127.0.0.1/\u{4B}", "http://127.0.0.1:80/\u{212A}", false),
        ("http://127.0.0.1/cb", "http://127.0.0.2:80/cb", false),
        ("http://127.0.0.1/cb", "http://127.1:80/cb", false),
        ("http://127.0.0.1/cb", "http://[::1]:80/cb", false),
        ("http://127.0.0.1/cb", "https://127.0.0.1:80/cb", false),
        ("https://127.0.0.1/cb", "https://127.0.0.1:80/cb", false),
        ("http://127.0.0.1/cb", "HTTP://127.0.0.1:80/cb", false),
        ("http://localhost/cb", "http://localhost:8080/cb", false),
        ("http://localhost:8080/cb", "http://localhost:8081/cb", false),
        ("http://game.example/cb", "http://game.example:8080/cb", false),
    ]

    @Test(arguments: loopbacks)
    func `the port of a loopback address is free and nothing else is`(
        _ row: (registered: String, requested: String, matches: Bool)
    ) throws {
        let uri = try #require(RedirectURI(row.registered))
        #expect(uri.matches(row.requested) == row.matches)
    }

    static let inProduction: [(text: String, isAllowed: Bool)] = [
        ("https://game.example/cb", true), ("com.example.game:/cb", true), ("http://127.0.0.1:1234/cb", true),
        ("http://[::1]/cb", true), ("http://localhost/cb", true), ("http://localhost:8080/cb", true),
        ("http://game.example/cb", false), ("http://localhost.evil.example/cb", false),
        ("http://127.0.0.1.evil.example/cb", false), ("http://10.0.0.1/cb", false),
        ("HTTP://game.example/cb", false), ("Http://game.example/cb", false),
    ]

    @Test(arguments: inProduction)
    func `production allows http on this machine only`(_ row: (text: String, isAllowed: Bool)) throws {
        // Not being registered at all is as good.
        #expect((RedirectURI(row.text)?.isAllowedInProduction ?? false) == row.isAllowed)
    }

    @Test(arguments: ["HTTPS://user@game.example/cb", "Https:game.example", "HTTP:///cb"])
    func `the rules of http hold for its scheme in capitals too`(_ text: String) {
        #expect(RedirectURI(text) == nil)
    }
}

@Suite struct VerifiedRedirectTests {
    @Test func `the only one is taken when the request names none`() throws {
        let redirect = try Client.fixture().verifyRedirect(nil)
        #expect(redirect.uri == "https://game.example/callback")
        #expect(!redirect.wasRequested)
    }

    @Test(arguments: [[], ["https://game.example/a", "https://game.example/b"]])
    func `none is taken when it is not the only one`(_ registered: [String]) {
        #expect(throws: RedirectFailure.missing) { try Client.fixture(redirectURIs: registered).verifyRedirect(nil) }
    }

    @Test func `one that is named must be registered`() throws {
        let client = Client.fixture(redirectURIs: ["https://game.example/a", "http://127.0.0.1/b"])
        #expect(try client.verifyRedirect("https://game.example/a").wasRequested)
        #expect(try client.verifyRedirect("http://127.0.0.1:5000/b").uri == "http://127.0.0.1:5000/b")
        for stranger in ["https://game.example/c", "", "https://game.example/a/"] {
            #expect(throws: RedirectFailure.notRegistered) { try client.verifyRedirect(stranger) }
        }
    }

    static let answers: [(registered: String, answer: String)] = [
        ("https://game.example/cb", "https://game.example/cb?code=c%2F1&state=a%20b"),
        ("https://game.example", "https://game.example?code=c%2F1&state=a%20b"),
        ("https://game.example/cb?", "https://game.example/cb?code=c%2F1&state=a%20b"),
        ("https://game.example/cb?tenant=1", "https://game.example/cb?tenant=1&code=c%2F1&state=a%20b"),
        ("https://game.example/cb?tenant=1&", "https://game.example/cb?tenant=1&code=c%2F1&state=a%20b"),
        ("https://game.example/cb?a?b", "https://game.example/cb?a?b&code=c%2F1&state=a%20b"),
        ("com.example.game:/cb", "com.example.game:/cb?code=c%2F1&state=a%20b"),
    ]

    @Test(arguments: answers)
    func `the answer is added to the query that was registered`(_ row: (registered: String, answer: String)) throws {
        let redirect = try Client.fixture(redirectURIs: [row.registered]).verifyRedirect(nil)
        #expect(redirect.appending([("code", "c/1"), ("state", "a b")]) == row.answer)
    }

    @Test func `no state can become another parameter, header or fragment`() throws {
        let redirect = try Client.fixture().verifyRedirect(nil)
        let answer = redirect.appending([("state", "x&code=stolen#top\r\nSet-Cookie: a=b;\u{0}電")])
        #expect(
            answer == "https://game.example/callback?state="
                + "x%26code%3Dstolen%23top%0D%0ASet-Cookie%3A%20a%3Db%3B%00%E9%9B%BB")
    }
}
