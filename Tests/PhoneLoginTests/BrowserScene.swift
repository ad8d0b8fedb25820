import Foundation
import Messaging
import OAuth
import PhoneLogin
import RateLimiting
import Storage
import TestSupport

/// A browser at this server's own pages, and the clients that send people there.
enum BrowserScene {
    static let page = "https://login.example/login/link"

    static var issuer: Issuer { get throws { try known(Issuer("https://login.example")) } }

    /// Registers this server's link page, so its texts carry links; and a page of its own.
    static var client: Client {
        var client = Client.fixture()
        client.linkURIs = [page, "https://game.example/link"].compactMap { RedirectURI($0) }
        client.webOTPDomain = "game.example"
        return client
    }

    static var linkless: Client {
        var client = Client.fixture("linkless")
        client.webOTPDomain = "game.example"
        return client
    }

    /// No limit on texts, and polls that do not keep a test waiting.
    static var settings: PhoneLoginSettings {
        var settings = PhoneLoginSettings()
        settings.resendCooldownSeconds = 0
        settings.sendPerNumber = nil
        settings.linkPollSeconds = 1
        return settings
    }

    static func flow(
        on store: SQLStore, _ settings: PhoneLoginSettings = settings, clients: [Client] = [client, linkless]
    ) throws -> PhoneFlow {
        try PhoneFlow(store: store, clients: clients, settings: settings, issuer: issuer)
    }

    static func withFlow(
        _ settings: PhoneLoginSettings = settings, clients: [Client] = [client, linkless],
        _ body: (PhoneFlow) async throws -> Void
    ) async throws {
        try await withStore { store in try await body(flow(on: store, settings, clients: clients)) }
    }
}

extension BrowserSignInRequest {
    static func typing(
        _ number: String = "+81 90 1234 5678", region: String? = nil, client: Client = BrowserScene.client,
        browser: String = "browser", locale: String = "en", deviceIDs: [String] = []
    ) -> BrowserSignInRequest {
        BrowserSignInRequest(
            client: client, number: number, region: region, browser: browser, continuation: "client_id=game&state=s",
            locales: [locale], askingDevice: "Chrome · Windows", deviceIDs: deviceIDs)
    }
}

extension BrowserCredentials {
    static func of(
        _ browser: String = "browser", session: String? = nil, deviceIDs: [String] = []
    ) -> BrowserCredentials {
        BrowserCredentials(browser: browser, session: session, deviceIDs: deviceIDs)
    }
}

/// The link of a text, taken apart.
struct TextedLink: Sendable {
    let page: String
    let operationID: String
    let token: String
}

extension PhoneFlow {
    func begin(_ request: BrowserSignInRequest = .typing()) async throws(PhoneLoginError) -> BrowserSignIn {
        try await flow.start(request, from: .home, at: clock.now)
    }

    func finish(
        _ signIn: BrowserSignIn, code: String, with browser: BrowserCredentials = .of()
    ) async throws(PhoneLoginError) -> BrowserSignedIn {
        try await flow.signIn(signIn, code: code, with: browser, from: .home, at: clock.now)
    }

    func finishByLink(
        _ signIn: BrowserSignIn, with browser: BrowserCredentials = .of()
    ) async throws(PhoneLoginError) -> BrowserSignedIn {
        try await flow.signInByLink(signIn, with: browser, from: .home, at: clock.now)
    }

    func decide(
        _ isApproved: Bool, _ link: TextedLink, with browser: BrowserCredentials? = nil
    ) async throws(PhoneLoginError) -> LinkAnswer {
        try await flow.decide(
            operationID: link.operationID, token: link.token, isApproved: isApproved, with: browser, from: .home,
            at: clock.now)
    }

    func awaitLink(of signIn: BrowserSignIn, browser: String = "browser") async throws(PhoneLoginError) -> LinkState {
        try await flow.awaitApproval(of: signIn, browser: browser, from: .home, at: clock.now)
    }

    /// The text that went out last.
    func lastText() async throws -> TextMessage { try known(try await takeTexts().last) }

    func lastCode() async throws -> String { String(try await lastText().body.prefix(6)) }

    func lastLink() async throws -> TextedLink { try Self.link(in: try await lastText().body) }

    static func link(in body: String) throws -> TextedLink {
        let line = try known(body.split(separator: "\n").first { $0.contains("link_token=") })
        let url = try known(line.split(separator: " ").last)
        let parts = url.split(separator: "?", maxSplits: 1)
        let items = URLComponents(string: String(url))?.queryItems ?? []
        return TextedLink(
            page: String(try known(parts.first)),
            operationID: try known(items.first { $0.name == "operation_id" }?.value),
            token: try known(items.first { $0.name == "link_token" }?.value))
    }
}

/// How a browser was refused; `nil` when it was not.
extension PhoneFlow {
    func refusal(of request: BrowserSignInRequest) async -> Refusal? {
        do throws(PhoneLoginError) {
            _ = try await begin(request)
            return nil
        } catch {
            return Refusal(error)
        }
    }

    func refusal(
        of signIn: BrowserSignIn, code: String, with browser: BrowserCredentials = .of()
    ) async -> Refusal? {
        do throws(PhoneLoginError) {
            _ = try await finish(signIn, code: code, with: browser)
            return nil
        } catch {
            return Refusal(error)
        }
    }

    func refusalByLink(of signIn: BrowserSignIn, with browser: BrowserCredentials = .of()) async -> Refusal? {
        do throws(PhoneLoginError) {
            _ = try await finishByLink(signIn, with: browser)
            return nil
        } catch {
            return Refusal(error)
        }
    }

    func refusalOfWaiting(for signIn: BrowserSignIn, browser: String = "browser") async -> Refusal? {
        do throws(PhoneLoginError) {
            _ = try await awaitLink(of: signIn, browser: browser)
            return nil
        } catch {
            return Refusal(error)
        }
    }
}
