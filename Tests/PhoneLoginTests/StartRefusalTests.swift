import Accounts
import Cryptography
import DeveloperLog
import Foundation
import OAuth
import PhoneLogin
import PhoneNumbers
import RateLimiting
import Storage
import TestSupport
import Testing
import Time

@testable import Messaging

@Suite struct StartRefusalTests {
    static let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

    /// One deviation each from a request that sends a text.
    static let refusals: [(name: String, refusal: Refusal, change: @Sendable (inout PhoneLoginRequest) -> Void)] = [
        ("no client", .parameterMissing, { $0.clientID = nil }),
        ("unknown client", .unknownClient, { $0.clientID = "nobody" }),
        ("client in capitals", .unknownClient, { $0.clientID = "GAME" }),
        ("a client without this grant", .clientNotAllowed, { $0.clientID = "machine" }),
        ("no response type", .parameterMissing, { $0.responseType = nil }),
        ("implicit", .parameterMalformed, { $0.responseType = "token" }),
        ("hybrid", .parameterMalformed, { $0.responseType = "code token" }),
        ("no state", .stateMissingOrShort, { $0.state = nil }),
        ("a short state", .stateMissingOrShort, { $0.state = "1234567" }),
        ("an endless state", .stateMissingOrShort, { $0.state = String(repeating: "s", count: 1025) }),
        ("no redirect of two", .redirectMissing, { $0.redirectURI = nil }),
        ("a strange redirect", .redirectNotRegistered, { $0.redirectURI = "https://evil.example/" }),
        ("a longer redirect", .redirectNotRegistered, { $0.redirectURI = "https://game.example/callback/.." }),
        ("a malformed scope", .parameterMalformed, { $0.scope = "off\tline" }),
        ("a wider scope", .parameterMalformed, { $0.scope = "offline admin" }),
        ("a method without a challenge", .parameterMissing, { $0.codeChallengeMethod = "S256" }),
        ("a challenge without a method", .parameterMalformed, { $0.codeChallenge = challenge }),
        (
            "plain", .parameterMalformed,
            {
                $0.codeChallenge = challenge
                $0.codeChallengeMethod = "plain"
            }
        ),
        (
            "a challenge that is none", .parameterMalformed,
            {
                $0.codeChallenge = "short"
                $0.codeChallengeMethod = "S256"
            }
        ),
        ("no challenge where one is required", .parameterMissing, { $0.clientID = "careful" }),
        ("a link without a page", .linkNotRegistered, { $0.sendLink = true }),
        (
            "a link to a strange page", .linkNotRegistered,
            {
                $0.sendLink = true
                $0.linkURL = "https://evil.example/link"
            }
        ),
        (
            "a link to a page with more behind it", .linkNotRegistered,
            {
                $0.sendLink = true
                $0.linkURL = "https://game.example/link&x=1"
            }
        ),
        ("no number", .parameterMissing, { $0.phoneNumber = nil }),
        ("an empty number", .notAPhoneNumber, { $0.phoneNumber = "" }),
        ("a national number", .notAPhoneNumber, { $0.phoneNumber = "09012345678" }),
        ("a number with spaces", .notAPhoneNumber, { $0.phoneNumber = "+81 90 1234 5678" }),
        ("a number in full-width digits", .notAPhoneNumber, { $0.phoneNumber = "+８１９０１２３４５６７８" }),
        ("a number with an extension", .notAPhoneNumber, { $0.phoneNumber = "+819012345678;ext=1" }),
        ("a number with NUL", .notAPhoneNumber, { $0.phoneNumber = "+819012345678\u{0}" }),
        ("a number nobody can have", .notAPhoneNumber, { $0.phoneNumber = "+81000000000" }),
        ("a line without texts", .numberCannotReceiveTexts, { $0.phoneNumber = "+81312345678" }),
        ("a premium line", .numberCannotReceiveTexts, { $0.phoneNumber = "+81990123456" }),
    ]

    @Test(arguments: refusals)
    func `one deviation is refused, costs nothing and sends nothing`(
        _ row: (name: String, refusal: Refusal, change: @Sendable (inout PhoneLoginRequest) -> Void)
    ) async throws {
        try await StartScene.withFlow { flow async throws in
            var request = StartScene.request
            row.change(&request)
            #expect(await flow.refusal(of: request) == row.refusal)
            #expect(try await flow.store.count("message") == 0)
            // What is counted is the log's own budget alone.
            let isLogged = try await flow.store.count("security_event") > 0
            #expect(try await flow.store.count("rate_limit") == (isLogged ? 2 : 0))
            #expect(try await flow.store.count("phone_operation") == 0)
        }
    }

    /// Requests with several faults: the first in this order is the one that is told.
    static let orders: [(name: String, refusal: Refusal, change: @Sendable (inout PhoneLoginRequest) -> Void)] = [
        (
            "the client before everything", .unknownClient,
            {
                $0.clientID = "nobody"
                $0.responseType = "token"
                $0.state = nil
                $0.redirectURI = "https://evil.example/"
            }
        ),
        (
            "the state before the redirect", .stateMissingOrShort,
            {
                $0.state = nil
                $0.redirectURI = "https://evil.example/"
                $0.scope = "\""
            }
        ),
        (
            "the redirect before the scope", .redirectNotRegistered,
            {
                $0.redirectURI = "https://evil.example/"
                $0.scope = "\""
                $0.phoneNumber = nil
            }
        ),
        (
            "the parameters before the number", .linkNotRegistered,
            {
                $0.sendLink = true
                $0.phoneNumber = "nonsense"
            }
        ),
    ]

    @Test(arguments: orders)
    func `of several faults the first one is told`(
        _ row: (name: String, refusal: Refusal, change: @Sendable (inout PhoneLoginRequest) -> Void)
    ) async throws {
        try await StartScene.withFlow { flow async throws in
            var request = StartScene.request
            row.change(&request)
            #expect(await flow.refusal(of: request) == row.refusal)
            #expect(try await flow.store.count("message") == 0)
        }
    }
}
