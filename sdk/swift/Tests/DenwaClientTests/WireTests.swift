import Foundation
import Testing

@testable import DenwaClient

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

@Suite("On the wire")
struct WireTests {
    @Test("forms encode whatever is not unreserved")
    func formEncoding() {
        let form: Form = ["phone": "+81 90", "é": "a&b=c/", "absent": nil]
        #expect(form.encoded == "phone=%2B81%2090&%C3%A9=a%26b%3Dc%2F")
    }

    @Test("a form goes into a query beside what is there")
    func query() throws {
        let url = try #require(URL(string: "https://a.example/path?x=1"))
        #expect(url.adding(["scope": "a b"]).absoluteString == "https://a.example/path?x=1&scope=a%20b")
    }

    @Test("queries are read as forms")
    func queryParameters() throws {
        let url = try #require(URL(string: "game://cb?code=a%2Bb&state=x+y&empty=&bare&code=second"))
        #expect(url.queryParameters == ["code": "a+b", "state": "x y", "empty": "", "bare": ""])
    }

    @Test(
        "metadata is at the well-known name between host and path",
        arguments: [
            ("https://id.example.com", "https://id.example.com/.well-known/oauth-authorization-server"),
            ("https://id.example.com/", "https://id.example.com/.well-known/oauth-authorization-server"),
            ("https://example.com/id", "https://example.com/.well-known/oauth-authorization-server/id"),
        ])
    func metadataAddress(issuer: String, expected: String) throws {
        #expect(Metadata.address(of: try #require(URL(string: issuer))).absoluteString == expected)
    }

    @Test(
        "only addresses over TLS, or of this machine, are asked",
        arguments: [
            ("https://id.example.com", true), ("http://localhost:8080", true), ("http://127.0.0.1", true),
            ("http://[::1]:8080", true), ("http://id.example.com", false), ("http://127.0.0.1.example.com", false),
            ("ftp://localhost", false), ("game://localhost", false),
        ])
    func protection(address: String, expected: Bool) throws {
        #expect(try #require(URL(string: address)).isProtected == expected)
    }

    @Test(
        "numbers lose what people write between digits",
        arguments: [
            ("+81 90-1234-5678", "+819012345678"), (" +1 (415) 555.0132", "+14155550132"),
            ("＋８１", "＋81"), ("+٨١٩٠", "+8190"),
        ])
    func phoneNumber(typed: String, expected: String) { #expect(typed.asPhoneNumber == expected) }

    @Test(
        "codes are read from any keyboard",
        arguments: [
            (" 955 680\n", "955680"), ("９５５６８０", "955680"), ("٩٥٥٦٨٠", "955680"),
            ("tsixUwPmabny48fpEngTcJNqLH7CC5vmzLwDFLHKN-g", "tsixUwPmabny48fpEngTcJNqLH7CC5vmzLwDFLHKN-g"),
        ])
    func code(typed: String, expected: String) { #expect(typed.asCode == expected) }

    @Test("the server's clock is read from its answers")
    func date() throws {
        let reply = try Self.reply(200, headers: ["Date": "Sat, 21 Nov 2026 04:03:36 GMT"])
        #expect(reply.date == Date(timeIntervalSince1970: 1_795_233_816))
    }

    static func reply(_ status: Int, _ body: String = "{}", headers: [String: String] = [:]) throws -> Reply {
        let url = try #require(URL(string: FakeServer.issuer))
        let response = try #require(
            HTTPURLResponse(url: url, statusCode: status, httpVersion: nil, headerFields: headers))
        return Reply(body: Data(body.utf8), response: response)
    }
}

@Suite("Refusals")
struct RefusalTests {
    @Test(
        "of either shape become reasons",
        arguments: [
            (422, "002-056", DenwaError.Reason.notAPhoneNumber), (422, "002-043", .numberGetsNoTexts),
            (401, "003-039", .wrongCode), (422, "003-049", .signInOver), (401, "002-040", .userDisabled),
            (429, "002-057", .tooManyRequests), (503, "004-001", .unavailable), (503, "000-001", .unavailable),
            (400, "010-012", .misconfigured), (400, "002-027", .refused),
        ])
    func envelope(status: Int, code: String, reason: DenwaError.Reason) throws {
        let body = #"{"error":{"code":"\#(code)","description":"Why.","details":{}}}"#
        let error = try WireTests.reply(status, body).refusal()
        #expect(error.reason == reason)
        #expect(error.code == code)
        #expect(error.message == "Why.")
        #expect(error.status == status)
        #expect(error.retryAfter == nil)
    }

    @Test(
        "of OAuth become reasons",
        arguments: [
            (400, "invalid_session", DenwaError.Reason.signInOver), (401, "invalid_client", .misconfigured),
            (429, "temporarily_unavailable", .tooManyRequests), (503, "temporarily_unavailable", .unavailable),
            (400, "access_denied", .denied), (400, "invalid_grant", .refused),
        ])
    func oauth(status: Int, code: String, reason: DenwaError.Reason) throws {
        let error = try WireTests.reply(status, #"{"error":"\#(code)","error_description":"why"}"#).refusal()
        #expect(error.reason == reason)
        #expect(error.code == code)
        #expect(error.message == "why")
    }

    @Test("say when to come back")
    func retryAfter() throws {
        let error = try WireTests.reply(429, #"{"error":"x"}"#, headers: ["Retry-After": "8"]).refusal()
        #expect(error.retryAfter == .seconds(8))
    }

    @Test(
        "that are not the server's are told apart",
        arguments: [
            (502, DenwaError.Reason.unavailable), (429, .tooManyRequests), (404, .wrongAnswer), (302, .wrongAnswer),
        ])
    func foreign(status: Int, reason: DenwaError.Reason) throws {
        #expect(try WireTests.reply(status, "<html>").refusal().reason == reason)
    }
}
