import Cryptography
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import OAuth
import Synchronization
import Testing

/// A browser without a script: keeps cookies, reads forms, follows redirects inside the server.
final class TestBrowser: Sendable {
    struct Page: Sendable {
        let status: HTTPResponse.Status
        let headers: HTTPFields
        let html: String

        var location: String? { headers[.location] }

        /// The value of a parameter of the redirect.
        func parameter(_ name: String) -> String? {
            location.flatMap { URLComponents(string: $0) }?.queryItems?.first { $0.name == name }?.value
        }

        /// The hidden fields of the form that leads to `action`, with that action.
        func form(_ action: String) throws -> (action: String, fields: [String: String]) {
            let forms = html.matches(of: /<form method="post" action="([^"]*)"[^>]*>(.*?)<\/form>/.dotMatchesNewlines())
            let form = try #require(forms.first { $0.1.hasPrefix(action) }, "no form for \(action) in \(html)")
            var fields: [String: String] = [:]
            for input in form.2.matches(of: /<input type="hidden" name="([^"]*)" value="([^"]*)"/) {
                fields[String(input.1)] = String(input.2).replacing("&amp;", with: "&")
            }
            return (String(form.1).replacing("&amp;", with: "&"), fields)
        }
    }

    let server: TestServer
    private let cookies = Mutex<[String: String]>([:])

    init(_ server: TestServer) { self.server = server }

    func cookie(_ name: String) -> String? { cookies.withLock { $0[name] } }

    func get(_ path: String) async throws -> Page { try await request(.get, path, body: nil) }

    func submit(_ form: (action: String, fields: [String: String]), _ more: [String: String] = [:]) async throws -> Page
    {
        let body = form.fields.merging(more) { $1 }
            .map { "\($0.key)=\(PercentEncoding.encode($0.value))" }.joined(separator: "&")
        return try await request(.post, form.action, body: body)
    }

    private func request(_ method: HTTPRequest.Method, _ path: String, body: String?) async throws -> Page {
        var headers: HTTPFields = [:]
        let jar = cookies.withLock { $0 }
        if !jar.isEmpty { headers[.cookie] = jar.map { "\($0.key)=\($0.value)" }.joined(separator: "; ") }
        if body != nil { headers[.contentType] = "application/x-www-form-urlencoded" }
        let response = try await server.http.executeRequest(
            uri: path, method: method, headers: headers, body: body.map { ByteBuffer(string: $0) })
        for cookie in response.headers[values: .setCookie] {
            let pair = cookie.prefix { $0 != ";" }.split(separator: "=", maxSplits: 1).map(String.init)
            cookies.withLock { $0[pair[0]] = pair.count == 2 && !cookie.contains("Max-Age=0") ? pair[1] : nil }
        }
        return Page(status: response.status, headers: response.headers, html: String(buffer: response.body))
    }

    // MARK: - A sign-in

    static func authorizePath(client: String = "app", _ more: String = "") -> String {
        "/oauth2/authorize?response_type=code&client_id=\(client)&scope=openid%20phone&state=state-of-the-app"
            + "&nonce=n-1&code_challenge=\(challenge)&code_challenge_method=S256\(more)"
    }

    static let verifier = "a-code-verifier-of-43-characters-or-more-0123456789"
    static let challenge = CodeChallenge(answeredBy: verifier)?.rawValue ?? ""

    /// Types the number; the page that asks for the code.
    func typeNumber(_ number: String, at path: String = authorizePath()) async throws -> Page {
        let asked = try await submit(try await get(path).form("/login?"), ["country": "JP", "phone_number": number])
        #expect(asked.status == .seeOther)
        return try await get(try #require(asked.location))
    }

    /// Signs in and stops where the app, or a question, comes next.
    func signIn(_ number: String, at path: String = authorizePath()) async throws -> Page {
        let before = server.texts(to: number).count
        let page = try await typeNumber(number, at: path)
        while server.texts(to: number).count == before { try await Task.sleep(for: .milliseconds(2)) }
        let code = try #require(server.texts(to: number).last)
        let taken = try await submit(try page.form("/login/code?"), ["code": code])
        #expect(taken.status == .seeOther)
        return try await get(try #require(taken.location))
    }
}
