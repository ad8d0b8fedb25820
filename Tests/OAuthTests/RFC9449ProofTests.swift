import Cryptography
import JOSE
import Storage
import TestSupport
import Testing
import Time

@testable import OAuth

/// DPoP proofs (RFC 9449): one deviation from a good one is one refusal.
@Suite struct RFC9449ProofTests {
    /// A proof, before it is signed.
    struct Draft: Sendable {
        var type = "dpop+jwt"
        var algorithm: SignatureAlgorithm = .es256
        var signsWithAnotherKey = false
        var claims: JSONObject = [
            "jti": "proof-1", "htm": "POST", "htu": "https://login.example/oauth2/token",
            "iat": .integer(Timestamp.noon.seconds),
        ]
        var edit: (@Sendable (inout JSONObject) -> Void)?

        func signed() throws -> (text: String, thumbprint: String) {
            let key = try SigningKey.generate(algorithm)
            let shown = signsWithAnotherKey ? try SigningKey.generate(algorithm) : key
            let published = try JSONWebKey(verificationKey: shown.verificationKey, kid: nil)
            var jwk = try #require(published.json().object)
            edit?(&jwk)
            let header: JSONObject = [
                "typ": .string(type), "alg": .string(algorithm.rawValue), "jwk": .object(jwk),
            ]
            let input = [header.serialized(), claims.serialized()].map { Base64URL.encode($0) }.joined(separator: ".")
            return ("\(input).\(Base64URL.encode(try key.sign(Array(input.utf8))))", published.thumbprint)
        }
    }

    private func check(_ store: SQLStore, requiresNonce: Bool = false) throws -> DPoPProofCheck {
        DPoPProofCheck(
            issuer: try known(Issuer("https://login.example")), identifiers: store,
            nonces: DPoPNonces(secret: TestSecret.bytes), requiresNonce: requiresNonce,
            limitPerAddress: nil)
    }

    private func thumbprint(
        _ proofs: [String], with check: DPoPProofCheck, accessToken: String? = nil, at now: Timestamp = .noon
    ) async throws -> String? {
        try await check.thumbprint(proofs, method: "POST", path: "/oauth2/token", accessToken: accessToken, at: now)
    }

    @Test(arguments: [SignatureAlgorithm.es256, .rs256, .edDSA])
    func `a proof names its key`(_ algorithm: SignatureAlgorithm) async throws {
        try await withStore { store in
            let proof = try Draft(algorithm: algorithm).signed()
            #expect(try await thumbprint([proof.text], with: try check(store)) == proof.thumbprint)
        }
    }

    static let deviations: [(name: String, change: @Sendable (inout Draft) -> Void)] = [
        ("another type", { $0.type = "JWT" }), ("a key that did not sign", { $0.signsWithAnotherKey = true }),
        ("another method", { $0.claims["htm"] = "GET" }), ("a method in small letters", { $0.claims["htm"] = "post" }),
        ("another path", { $0.claims["htu"] = "https://login.example/oauth2/par" }),
        ("another host", { $0.claims["htu"] = "https://evil.example/oauth2/token" }),
        ("another scheme", { $0.claims["htu"] = "http://login.example/oauth2/token" }),
        ("a path alone", { $0.claims["htu"] = "/oauth2/token" }),
        ("no method", { $0.claims["htm"] = nil }), ("no address", { $0.claims["htu"] = nil }),
        ("no identifier", { $0.claims["jti"] = nil }), ("an empty identifier", { $0.claims["jti"] = "" }),
        ("an identifier that is a number", { $0.claims["jti"] = 1 }), ("no time", { $0.claims["iat"] = nil }),
        ("too old", { $0.claims["iat"] = .integer(Timestamp.noon.seconds - 301) }),
        ("from the future", { $0.claims["iat"] = .integer(Timestamp.noon.seconds + 301) }),
        ("a nonce that is no text", { $0.claims["nonce"] = 7 }),
        ("a private key", { $0.edit = { $0["d"] = "AAAA" } }), ("a key of no kind", { $0.edit = { $0["kty"] = "XX" } }),
    ]

    @Test(arguments: deviations)
    func `one deviation is refused`(_ row: (name: String, change: @Sendable (inout Draft) -> Void)) async throws {
        try await withStore { store in
            var draft = Draft()
            row.change(&draft)
            let proof = try draft.signed()
            let check = try check(store)
            let failure = await #expect(throws: OAuthError.self, "\(row.name)") {
                _ = try await thumbprint([proof.text], with: check)
            }
            #expect(failure?.code == .invalidDPoPProof)
        }
    }

    @Test func `two proofs are none, and a proof counts once`() async throws {
        try await withStore { store in
            let (one, two) = (try Draft().signed().text, try Draft().signed().text)
            let check = try check(store)
            await #expect(throws: OAuthError.self) { _ = try await thumbprint([one, two], with: check) }
            #expect(try await thumbprint([one], with: check) != nil)
            await #expect(throws: OAuthError.self) { _ = try await thumbprint([one], with: check) }
            #expect(try await thumbprint([two], with: check) != nil, "another key may use the same identifier")
        }
    }

    @Test func `a proof for a token names it`() async throws {
        try await withStore { store in
            let check = try check(store)
            var draft = Draft()
            let bare = try draft.signed().text
            await #expect(throws: OAuthError.self) {
                _ = try await thumbprint([bare], with: check, accessToken: "token")
            }
            draft.claims["ath"] = .string(SHA256Digest(of: "token").base64URL)
            let proof = try draft.signed()
            #expect(try await thumbprint([proof.text], with: check, accessToken: "token") == proof.thumbprint)
            let other = try draft.signed().text
            await #expect(throws: OAuthError.self) {
                _ = try await thumbprint([other], with: check, accessToken: "Token")
            }
        }
    }

    @Test func `a nonce is good for its window and the next`() async throws {
        try await withStore { store in
            let check = try check(store, requiresNonce: true)
            let bare = try Draft().signed().text
            let refusal = await #expect(throws: OAuthError.self) { _ = try await thumbprint([bare], with: check) }
            #expect(refusal?.code == .useDPoPNonce)
            let nonce = try #require(refusal?.proofNonce)
            for (seconds, isGood) in [(0, true), (299, true), (599, true), (600, false), (-301, false)] {
                let now = Timestamp.noon.adding(seconds: seconds)
                var draft = Draft()
                draft.claims["iat"] = .integer(now.seconds)
                draft.claims["nonce"] = .string(nonce)
                let proof = try draft.signed().text
                if isGood {
                    #expect(try await thumbprint([proof], with: check, at: now) != nil, "\(seconds)")
                } else {
                    await #expect(throws: OAuthError.self, "\(seconds)") {
                        _ = try await thumbprint([proof], with: check, at: now)
                    }
                }
            }
        }
    }
}

@Suite struct ComparableURLTests {
    static let same: [(String, String)] = [
        ("https://login.example/oauth2/token", "https://login.example/oauth2/token?x=1#y"),
        ("https://login.example/oauth2/token", "HTTPS://LOGIN.Example:443/oauth2/token"),
        ("https://login.example/oauth2/token", "https://login.example/oauth2/%74oken"),
        ("http://login.example", "http://login.example:80/"), ("https://a.example/%2f", "https://a.example/%2F"),
    ]

    @Test(arguments: same)
    func `addresses that say the same are the same`(_ row: (String, String)) {
        #expect(ComparableURL(row.0) != nil)
        #expect(ComparableURL(row.0) == ComparableURL(row.1))
    }

    static let different = [
        "https://login.example/oauth2/Token", "https://login.example/oauth2/token/",
        "https://login.example/oauth2%2Ftoken",
        "https://login.example:444/oauth2/token", "http://login.example/oauth2/token",
        "https://login.example./oauth2/token",
        "https://login.example//oauth2/token", "https://user@login.example/oauth2/token", "login.example/oauth2/token",
        "ftp://login.example/oauth2/token", "https:///oauth2/token", "https://login.example/oauth2/token%", "",
    ]

    @Test(arguments: different)
    func `what differs stays different`(_ url: String) {
        #expect(ComparableURL(url) != ComparableURL("https://login.example/oauth2/token"))
    }
}
