import Foundation
import Testing

@testable import DenwaClient

@Suite("Proofs")
struct ProofTests {
    private let prover: Prover
    private let url: URL

    init() throws {
        prover = Prover(key: try PlatformKey.generate())
        url = try #require(URL(string: "https://api.example.com/scores?top=10#now"))
    }

    private func proof(accessToken: String? = nil, now: Date = Date()) async throws -> SentProof {
        try SentProof(try await prover.proof(method: "GET", url: url, accessToken: accessToken, now: now))
    }

    @Test("name method and address without query, and are signed by the key they carry")
    func anatomy() async throws {
        let proof = try await proof(now: Date(timeIntervalSince1970: 1_795_233_796))
        #expect(proof.header.typ == "dpop+jwt")
        #expect(proof.header.alg == "ES256")
        #expect(proof.header.jwk.kty == "EC")
        #expect(proof.header.jwk.crv == "P-256")
        #expect(proof.claims.htm == "GET")
        #expect(proof.claims.htu == "https://api.example.com/scores")
        #expect(proof.claims.iat == 1_795_233_796)
        #expect(proof.claims.ath == nil)
        #expect(proof.claims.nonce == nil)
        #expect(proof.isSignedByItsKey)
    }

    @Test("are never the same twice")
    func fresh() async throws {
        let identifiers = [try await proof().claims.jti, try await proof().claims.jti]
        #expect(Set(identifiers).count == 2)
    }

    @Test("name the access token by its digest")
    func accessTokenHash() async throws {
        // RFC 9449 §7.1, the example.
        let token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
        #expect(try await proof(accessToken: token).claims.ath == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo")
    }

    @Test("carry the last nonce of that server, and no other's")
    func nonces() async throws {
        await prover.keep(nonce: "first", of: url)
        await prover.keep(nonce: "second", of: url)
        #expect(try await proof().claims.nonce == "second")
        let other = try #require(URL(string: "https://api.example.com:8443/scores"))
        let elsewhere = try SentProof(try await prover.proof(method: "GET", url: other, accessToken: nil))
        #expect(elsewhere.claims.nonce == nil)
    }

    @Test("go by the server's clock")
    func clock() async throws {
        await prover.set(clockAhead: -86_400)
        #expect(try await proof(now: Date(timeIntervalSince1970: 1_000_000)).claims.iat == 913_600)
    }

    @Test("address a server's root as a path")
    func root() async throws {
        let root = try #require(URL(string: "https://api.example.com?x=1"))
        let proof = try SentProof(try await prover.proof(method: "POST", url: root, accessToken: nil))
        #expect(proof.claims.htu == "https://api.example.com/")
    }
}

@Suite("The device's key")
struct DeviceKeyTests {
    @Test("survives being kept")
    func representation() throws {
        let key = try PlatformKey.generate()
        let kept = try PlatformKey(representation: key.representation)
        let message = Data("message".utf8)
        #expect(try kept.publicPoint == key.publicPoint)
        #expect(isSignature(try kept.signature(for: message), of: message, by: try key.publicPoint))
        #expect(!isSignature(try kept.signature(for: message), of: Data("other".utf8), by: try key.publicPoint))
    }

    @Test("is another each time")
    func random() throws {
        #expect(try PlatformKey.generate().publicPoint != PlatformKey.generate().publicPoint)
    }

    @Test("is not read from bytes that are no key", arguments: [0, 1, 31, 200])
    func garbage(length: Int) {
        #expect(throws: (any Error).self) { try PlatformKey(representation: Data(repeating: 7, count: length)) }
    }

    @Test("is known by its RFC 7638 thumbprint")
    func thumbprint() throws {
        let key = try PlatformKey.generate()
        let jwk = try JSONDecoder().decode(SentProof.Header.Key.self, from: Data(try key.publicJWK.utf8))
        let canonical = #"{"crv":"P-256","kty":"EC","x":"\#(jwk.x)","y":"\#(jwk.y)"}"#
        #expect(try key.thumbprint == Digest.sha256(Data(canonical.utf8)).base64URL)
        #expect(Data(base64URL: jwk.x)?.count == 32)
        #expect(Data(base64URL: jwk.y)?.count == 32)
    }
}

@Suite("PKCE")
struct CodeVerifierTests {
    @Test("announces the verifier by its digest")
    func challenge() {
        // RFC 7636, Appendix B.
        let verifier = CodeVerifier("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
        #expect(verifier.challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
    }

    @Test("takes 256 random bits")
    func entropy() {
        let verifiers = (0..<50).map { _ in CodeVerifier().text }
        #expect(Set(verifiers).count == 50)
        #expect(verifiers.allSatisfy { $0.count == 43 })
    }

    @Test(
        "has SHA-256 right",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ])
    func digest(message: String, expected: String) {
        let digest = Digest.sha256(Data(message.utf8))
        #expect(digest.map { String(format: "%02x", $0) }.joined() == expected)
    }
}
