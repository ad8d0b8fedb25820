import Cryptography
import HTTPTypes
import Hummingbird
import NIOCore
import OAuth
import PhoneLogin
import Testing
import Time

@testable import Web

/// What a browser keeps for this server, and that nobody else's is taken for it.
@Suite struct BrowserCookiesTests {
    private func cookies(
        _ issuer: String = "https://login.example", secret: UInt8 = 0xA5
    ) throws -> BrowserCookies {
        let issuer = try #require(Issuer(issuer))
        return BrowserCookies(
            issuer: issuer, secret: [UInt8](repeating: secret, count: 32), sessionLifetimeSeconds: 3600,
            entropy: .system)
    }

    private func request(_ cookie: String?) -> Request {
        var fields = HTTPFields()
        // As the server gets it: whole. The subscript would split it, and by `Character`.
        if let cookie { fields.append(HTTPField(name: .cookie, value: cookie)) }
        let head = HTTPRequest(
            method: .get, scheme: "https", authority: "login.example", path: "/", headerFields: fields)
        return Request(head: head, body: RequestBody(buffer: ByteBuffer()))
    }

    /// The cookies that an answer sets.
    private func written(_ body: (inout Response) -> Void) -> [String] {
        var response = Response(status: .ok)
        body(&response)
        return response.headers[values: .setCookie]
    }

    @Test func `on https every cookie is bound to this very host`() throws {
        let cookies = try cookies()
        let (browser, session) = (Entropy.system.token(), Entropy.system.token())
        #expect(
            written { cookies.setBrowser(browser, in: &$0) }
                == ["__Host-denwa-browser=\(browser); Path=/; HttpOnly; SameSite=Lax; Secure"])
        #expect(
            written { cookies.setSession(session, in: &$0) }
                == ["__Host-denwa-session=\(session); Path=/; HttpOnly; SameSite=Lax; Max-Age=3600; Secure"])
        let device = written { cookies.addDevice("device", to: [], in: &$0) }
        #expect(
            device == ["__Host-denwa-device=device; Path=/; HttpOnly; SameSite=Lax; Max-Age=15552000; Secure"])
    }

    @Test func `on a developer's machine a cookie works without https`() throws {
        let cookies = try cookies("http://localhost:8080")
        let session = Entropy.system.token()
        #expect(
            written { cookies.setSession(session, in: &$0) }
                == ["denwa-session=\(session); Path=/; HttpOnly; SameSite=Lax; Max-Age=3600"])
        #expect(cookies.session(of: request("denwa-session=\(session)")) == session)
        #expect(cookies.session(of: request("__Host-denwa-session=\(session)")) == nil)
    }

    @Test func `whoever signs out leaves nothing of the session and the browser behind`() throws {
        let cookies = try cookies()
        let ended = written { cookies.endSession(in: &$0) }
        #expect(ended.contains { $0.hasPrefix("__Host-denwa-session=;") && $0.contains("Max-Age=0") })
        #expect(ended.allSatisfy { $0.contains("Max-Age=0") && $0.contains("; Secure") })
    }

    @Test func `what was set is read back, and a new browser gets a name of its own`() throws {
        let cookies = try cookies()
        let (browser, session) = (Entropy.system.token(), Entropy.system.token())
        let both = request("other=1; __Host-denwa-browser=\(browser); __Host-denwa-session=\(session)")
        #expect(cookies.browser(of: both) == browser)
        #expect(cookies.session(of: both) == session)
        #expect(cookies.knownBrowser(of: both).id == browser)
        #expect(cookies.knownBrowser(of: both).isNew == false)

        let names = (0..<100).map { _ in cookies.knownBrowser(of: request(nil)) }
        #expect(names.allSatisfy { $0.isNew && Base64URL.decode($0.id)?.count == 32 })
        #expect(Set(names.map(\.id)).count == 100)
    }

    static let token = Base64URL.encode([UInt8](repeating: 7, count: 32))

    /// Each is a cookie that is not ours, or not whole.
    @Test(arguments: [
        "", "__Host-denwa-session", "__Host-denwa-session=", "denwa-session=\(token)", "__host-denwa-session=\(token)",
        "__Host-denwa-session=\(token)A", "__Host-denwa-session=\(token.dropLast())", "x__Host-denwa-session=\(token)",
        "__Host-denwa-session=\"\(token)\"", "__Host-denwa-session=\(token.dropLast())=",
        "__Host-denwa-session=\(token.dropLast())é", "__Host-denwa-browser=\(token)",
        "\u{A0}__Host-denwa-session=\(token)", "a=b\u{37E} __Host-denwa-session=\(token)",
    ])
    func `what is not exactly our cookie is none`(_ cookie: String) throws {
        #expect(try cookies().session(of: request(cookie)) == nil)
    }

    // MARK: - Forms

    @Test func `a form is ours when it brings what only our page for this browser holds`() throws {
        let cookies = try cookies()
        let (browser, other) = (Entropy.system.token(), Entropy.system.token())
        let page = request("__Host-denwa-browser=\(browser)")
        let form = try FormParameters(parsing: "csrf=\(cookies.formToken(for: browser))&code=1")
        #expect(cookies.browser(sending: form, page) == browser)

        #expect(cookies.formToken(for: browser) == cookies.formToken(for: browser), "another tab's form is good too")
        #expect(cookies.browser(sending: form, request("__Host-denwa-browser=\(other)")) == nil)
        #expect(cookies.browser(sending: form, request(nil)) == nil)
        let elsewhere = try self.cookies(secret: 0xA6)
        #expect(elsewhere.browser(sending: form, page) == nil)
        let token = cookies.formToken(for: browser)
        for body in [
            "", "csrf=", "csrf=\(browser)", "csrf=\(cookies.formToken(for: other))", "CSRF=\(token)", "csrf=\(token)A",
            "csrf=\(token.dropLast())", "csrf=\(token)&csrf=\(token)",
        ] {
            let strange = try FormParameters(parsing: body)
            #expect(cookies.browser(sending: strange, page) == nil, "\(body)")
        }
    }

    @Test func `a browser's name, its form token and the proof of its sign-in are told apart`() throws {
        let cookies = try cookies()
        let browser = Entropy.system.token()
        let token = cookies.formToken(for: browser)
        #expect(Base64URL.decode(token)?.count == 32)
        #expect(token != browser)
        let proof = cookies.signInProof(session: browser, query: "client_id=app")
        #expect(proof != token)
        #expect(proof == cookies.signInProof(session: browser, query: "client_id=app"))
        #expect(proof != cookies.signInProof(session: browser, query: "client_id=another"))
        #expect(proof != cookies.signInProof(session: token, query: "client_id=app"))
    }

    // MARK: - Known devices

    @Test func `the devices of the last four numbers are remembered, the latest first`() throws {
        let cookies = try cookies()
        var known: [String] = []
        for device in ["a", "b", "c", "d", "b", "e"] {
            let header = try #require(written { cookies.addDevice(device, to: known, in: &$0) }.first)
            known = cookies.deviceIDs(of: request(String(header.prefix { $0 != ";" })))
        }
        #expect(known == ["e", "b", "d", "c"])
        #expect(cookies.deviceIDs(of: request(nil)).isEmpty)
        #expect(cookies.deviceIDs(of: request("__Host-denwa-device=")).isEmpty)
        let many = String(repeating: "x.", count: 10_000)
        #expect(cookies.deviceIDs(of: request("__Host-denwa-device=\(many)")).count == 4)
    }
}

/// What carries a sign-in from page to page.
@Suite struct SignInTokenTests {
    private let tokens = SignInToken(secret: [UInt8](repeating: 0xA5, count: 32), entropy: .system)
    private let signIn = BrowserSignIn(
        operationID: "operation", client: ClientID("app"), number: "+819012345678",
        expiresAt: Timestamp(milliseconds: 1_767_268_980_001), resendAt: Timestamp(milliseconds: 1_767_268_830_002),
        hasLink: true)

    @Test func `a sign-in comes back whole, and shows nothing on its way`() throws {
        let token = tokens.seal(signIn, browser: "browser")
        #expect(tokens.open(token, browser: "browser") == signIn)
        let bytes = try #require(Base64URL.decode(token))
        let text = String(decoding: bytes, as: UTF8.self)
        for secret in ["9012345678", "operation"] { #expect(!text.contains(secret)) }
        #expect(tokens.seal(signIn, browser: "browser") != token, "two of one sign-in are not known by their look")
    }

    @Test(arguments: ["another", "", "Browser", "browser ", "browse"])
    func `an address that was copied to another browser is worth nothing`(_ browser: String) {
        let token = tokens.seal(signIn, browser: "browser")
        #expect(tokens.open(token, browser: browser) == nil)
    }

    @Test func `what was changed, cut or made elsewhere does not open`() throws {
        let token = tokens.seal(signIn, browser: "browser")
        let bytes = try #require(Base64URL.decode(token))
        for index in bytes.indices {
            var changed = bytes
            changed[index] ^= 1
            #expect(tokens.open(Base64URL.encode(changed), browser: "browser") == nil)
        }
        for text in [
            "", "A", token + "A", String(token.dropLast(4)), token + "=", " " + token, "nonsense",
            String(repeating: "A", count: 3000),
        ] { #expect(tokens.open(text, browser: "browser") == nil) }
        let other = SignInToken(secret: [UInt8](repeating: 0xA6, count: 32), entropy: .system)
        #expect(other.open(token, browser: "browser") == nil)
        // The same key's box for another end.
        let seal = CodeSeal(secret: [UInt8](repeating: 0xA5, count: 32), entropy: .system)
        let code = seal.seal(OneTimeCode(length: 6, entropy: .system), challenge: "browser")
        #expect(tokens.open(Base64URL.encode(code), browser: "browser") == nil)
    }

    @Test func `an operation of any length and a client of any name fit`() {
        let long = BrowserSignIn(
            operationID: String(repeating: "o", count: 22), client: ClientID(String(repeating: "\"", count: 255)),
            number: "+1234567890123456789012345", expiresAt: Timestamp(seconds: 253_402_300_799),
            resendAt: Timestamp(milliseconds: -1), hasLink: false)
        let token = tokens.seal(long, browser: "browser")
        #expect(tokens.open(token, browser: "browser") == long)
    }
}
