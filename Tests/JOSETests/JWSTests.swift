import Cryptography
import JOSE
import Testing

@Suite struct JWSTests {
    @Test(arguments: SignatureAlgorithm.allCases)
    func `what was signed verifies and comes back unchanged`(_ algorithm: SignatureAlgorithm) throws {
        let key = JWSKey(kid: "鍵 \"1\"", signing: try SigningKey.generate(algorithm))
        for payload in [[], [0, 0xFF, 0x80], Array(#"{"a":1}"#.utf8)] as [[UInt8]] {
            let token = try JWS.sign(payload, type: "at+jwt", with: key)
            let verified = try JWS.verify(token, type: "at+jwt") { $0 == key.kid ? key : nil }
            #expect(verified.payload == payload)
            #expect(verified.kid == key.kid)
            #expect(verified.header == ["alg": .string(algorithm.rawValue), "typ": "at+jwt", "kid": .string(key.kid)])
        }
    }

    @Test func `the header is compact and in a fixed order`() throws {
        let signer = try SignerFixture()
        let token = try JWS.sign([], type: "JWT", with: signer.jwsKey)
        let header = try #require(token.split(separator: ".").first.flatMap { Base64URL.decode($0) })
        #expect(String(decoding: header, as: UTF8.self) == #"{"alg":"ES256","typ":"JWT","kid":"key 1"}"#)
    }

    @Test(arguments: [
        ("at+jwt", "at+jwt"), ("at+jwt", "AT+JWT"), ("at+jwt", "application/at+jwt"), ("at+jwt", "Application/At+Jwt"),
        ("application/at+jwt", "at+jwt"), ("JWT", "jwt"),
    ])
    func `types compare without case and prefix`(_ expected: String, _ written: String) throws {
        let signer = try SignerFixture()
        let token = try JWS.sign([], type: written, with: signer.jwsKey)
        _ = try JWS.verify(token, type: expected) { _ in signer.jwsKey }
    }

    @Test func `a token without type or kid is for those who ask for neither`() throws {
        let signer = try SignerFixture()
        let token = try signer.token(header: ["alg": "ES256"])
        let verified = try JWS.verify(token, type: nil) { $0 == nil ? signer.jwsKey : nil }
        #expect(verified.kid == nil)
    }

    @Test func `a key that only verifies does not sign`() throws {
        let signer = try SignerFixture()
        let publicOnly = JWSKey(kid: "key 1", verification: signer.key.verificationKey)
        #expect(throws: JOSEError.notASigningKey) { try JWS.sign([], type: "JWT", with: publicOnly) }
        _ = try JWS.verify(try signer.token(), type: nil) { _ in publicOnly }
    }

    @Test func `the largest token is read and one byte more is not`() throws {
        let signer = try SignerFixture()
        // Header and signature take up 56 + 86 characters, with two dots.
        let overhead = try JWS.sign([], type: "at+jwt", with: signer.jwsKey).utf8.count
        let payload = [UInt8](repeating: 1, count: (JWS.sizeLimit - overhead) / 4 * 3)
        let token = try JWS.sign(payload, type: "at+jwt", with: signer.jwsKey)
        #expect(token.utf8.count <= JWS.sizeLimit)
        _ = try JWS.verify(token, type: nil) { _ in signer.jwsKey }
        let larger = try JWS.sign(payload + [1, 1, 1, 1], type: "at+jwt", with: signer.jwsKey)
        #expect(larger.utf8.count > JWS.sizeLimit)
        #expect(throws: JOSEError.oversized) { try JWS.verify(larger, type: nil) { _ in signer.jwsKey } }
    }

    /// As a DPoP proof is checked (RFC 9449 §4.3): the caller decides to take the key from the header.
    @Test func `a caller may read a token before it chooses the key`() throws {
        let signer = try SignerFixture()
        let json = JSONWebKey.published(signer.jwsKey).json()
        let unverified = try UnverifiedJWS(
            try signer.token(header: ["alg": "ES256", "typ": "dpop+jwt", "jwk": json]))
        let key = try JSONWebKey(json: try #require(unverified.header["jwk"])).jwsKey
        let verified = try unverified.verify(type: "dpop+jwt", with: key)
        #expect(verified.payload == unverified.payload)
        #expect(throws: JOSEError.wrongType) { try unverified.verify(type: "JWT", with: key) }
        let other = try SignerFixture()
        #expect(throws: JOSEError.badSignature) { try unverified.verify(type: nil, with: other.jwsKey) }
    }

    @Test(.timeLimit(.minutes(1)), arguments: SignatureAlgorithm.allCases)
    func `many threads sign and verify tokens with one key`(_ algorithm: SignatureAlgorithm) async throws {
        let key = JWSKey(kid: "1", signing: try SigningKey.generate(algorithm))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask { @concurrent in
                    for round in 0..<25 {
                        let payload = Array("\(task) \(round)".utf8)
                        let token = try JWS.sign(payload, type: "JWT", with: key)
                        #expect(try JWS.verify(token, type: "JWT") { _ in key }.payload == payload)
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}
