package import Cryptography
import HTTPTypes
import Hummingbird
package import OAuth
import PhoneLogin

/// The cookies of a browser at this server's own pages.
///
/// Session cookies of the strictest kind that a redirect login allows: `HttpOnly`, `SameSite=Lax` (an app's
/// redirect is a top-level GET), and on https `Secure` with the `__Host-` prefix, so that no other host can
/// plant one.
package struct BrowserCookies: Sendable {
    private let isSecure: Bool
    private let formKey: [UInt8]
    private let entropy: Entropy
    private let sessionLifetimeSeconds: Int

    package init(issuer: Issuer, secret: [UInt8], sessionLifetimeSeconds: Int, entropy: Entropy) {
        isSecure = issuer.isSecure
        formKey = KeyDerivation.hkdfSHA256(secret: secret, info: "denwa form token", length: 32)
        self.sessionLifetimeSeconds = sessionLifetimeSeconds
        self.entropy = entropy
    }

    private func name(_ name: String) -> String { isSecure ? "__Host-denwa-\(name)" : "denwa-\(name)" }

    // MARK: - The browser

    /// Names the browser: what a sign-in is bound to, and what its forms are checked against. `nil` before its
    /// first page.
    func browser(of request: Request) -> String? { token("browser", of: request) }

    /// The browser's name, made now if it has none.
    func knownBrowser(of request: Request) -> (id: String, isNew: Bool) {
        browser(of: request).map { ($0, false) } ?? (entropy.token(), true)
    }

    func setBrowser(_ id: String, in response: inout Response) {
        set("browser", id, lifetimeSeconds: nil, in: &response)
    }

    /// What a form must bring back (CSRF): nobody else's page can know it.
    func formToken(for browser: String) -> String {
        Base64URL.encode(HMAC.sha256(Array(browser.utf8), key: formKey))
    }

    /// The browser that sent a form of ours; `nil` when the form came from elsewhere or outlived its cookie.
    func browser(sending form: FormParameters, _ request: Request) -> String? {
        guard let browser = browser(of: request), let sent = try? form.optional("csrf"),
            equalInConstantTime(Array(sent.utf8), Array(formToken(for: browser).utf8))
        else { return nil }
        return browser
    }

    // MARK: - The session

    /// Shows that the browser has just signed in for this very request: minted here alone, for one session and
    /// one request.
    func signInProof(session: String, query: String) -> String {
        Base64URL.encode(HMAC.sha256(Array("\(session) \(query)".utf8), key: formKey))
    }

    func isSignInProof(_ proof: String?, _ request: Request, of checked: AuthorizationRequest) -> Bool {
        guard let proof, let session = session(of: request) else { return false }
        let expected = signInProof(session: session, query: checked.query)
        return equalInConstantTime(Array(proof.utf8), Array(expected.utf8))
    }

    func session(of request: Request) -> String? { token("session", of: request) }

    func setSession(_ token: String, in response: inout Response) {
        set("session", token, lifetimeSeconds: sessionLifetimeSeconds, in: &response)
    }

    /// Forgets the browser's name too: whoever saw it on a shared machine holds nothing afterwards.
    func endSession(in response: inout Response) {
        set("session", "", lifetimeSeconds: 0, in: &response)
        set("browser", "", lifetimeSeconds: 0, in: &response)
    }

    // MARK: - Known devices

    /// One id for each of the last few numbers that signed in here.
    func deviceIDs(of request: Request) -> [String] {
        let value = RequestCookies(request)[name("device")] ?? ""
        return value.split(separator: ".").prefix(Self.rememberedDevices).map(String.init)
    }

    func addDevice(_ id: String, to known: [String], in response: inout Response) {
        let ids = ([id] + known.filter { $0 != id }).prefix(Self.rememberedDevices)
        set("device", ids.joined(separator: "."), lifetimeSeconds: DeviceRecognition.lifetimeSeconds, in: &response)
    }

    private static let rememberedDevices = 4

    // MARK: -

    private func token(_ cookie: String, of request: Request) -> String? {
        guard let value = RequestCookies(request)[name(cookie)], value.utf8.count == 43,
            Base64URL.decode(value) != nil
        else { return nil }
        return value
    }

    private func set(_ cookie: String, _ value: String, lifetimeSeconds: Int?, in response: inout Response) {
        var text = "\(name(cookie))=\(value); Path=/; HttpOnly; SameSite=Lax"
        if let lifetimeSeconds { text += "; Max-Age=\(lifetimeSeconds)" }
        if isSecure { text += "; Secure" }
        response.headers.append(HTTPField(name: .setCookie, value: text))
    }
}
