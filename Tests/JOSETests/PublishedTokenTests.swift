import Cryptography
import JOSE
import Testing
import Time

@Suite struct PublishedTokenTests {
    private func key(_ json: JSONValue) throws -> JWSKey { try JSONWebKey(json: json).jwsKey }

    private func secret(_ text: String) throws -> JWSKey {
        JWSKey(kid: "secret", signing: try SigningKey(secret: try #require(Base64URL.decode(text))))
    }

    @Test func `RFC 7515 A.1 to A.3 verify with their own keys only`() throws {
        let keys = [
            (Published.a1, try secret(Published.rfc7515Secret)), (Published.a2, try key(Published.a2Key)),
            (Published.a3, try key(Published.a3Key)),
        ]
        for (token, own) in keys {
            let verified = try JWS.verify(token, type: nil) { _ in own }
            #expect(verified.kid == nil)
            let claims = try JWTClaims(parsing: verified.payload)
            #expect(claims.issuer == "joe")
            #expect(claims.expiresAt?.seconds == 1_300_819_380)
            #expect(claims["http://example.com/is_root"] == true)
            for (_, other) in keys where other.algorithm != own.algorithm {
                #expect(throws: JOSEError.wrongAlgorithm) { try JWS.verify(token, type: nil) { _ in other } }
            }
        }
    }

    @Test func `RFC 7515 A.5 and E are refused by every key`() throws {
        for key in [try secret(Published.rfc7515Secret), try key(Published.a2Key), try key(Published.a3Key)] {
            #expect(throws: JOSEError.wrongAlgorithm) { try JWS.verify(Published.a5, type: nil) { _ in key } }
            #expect(throws: JOSEError.unsupportedCriticalHeader) {
                try JWS.verify(Published.e, type: nil) { _ in key }
            }
        }
    }

    @Test func `RFC 8037 A verifies`() throws {
        let key = try key(Published.rfc8037Key)
        let verified = try JWS.verify(Published.rfc8037, type: nil) { _ in key }
        #expect(verified.payload == Array("Example of Ed25519 signing".utf8))
    }

    @Test func `RFC 7520 §4.1 and §4.4 verify with the key that kid names`() throws {
        let rsa = try key(Published.rfc7520RSA)
        let hmac = JWSKey(
            kid: "018c0ae5-4d9b-471b-bfd6-eef314bc7037",
            signing: try SigningKey(
                secret: try #require(Published.rfc7520Secret["k"]?.string.flatMap { Base64URL.decode($0) })))
        for token in [Published.rfc7520RS256, Published.rfc7520HS256] {
            let verified = try JWS.verify(token, type: nil) { kid in [rsa, hmac].first { $0.kid == kid } }
            #expect(String(decoding: verified.payload, as: UTF8.self) == Published.rfc7520Payload)
        }
    }

    @Test func `RFC 7638 §3.1 and RFC 8037 A.3, the thumbprints`() throws {
        #expect(
            try JSONWebKey(json: Published.rfc7638Key).thumbprint == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs")
        #expect(
            try JSONWebKey(json: Published.rfc8037Key).thumbprint == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
    }

    /// The EC key is for encryption, so it is passed over.
    @Test func `RFC 7517 A.1 is a set of one key that can sign`() throws {
        let set = try JWKSet(json: Published.a1Set)
        #expect(set.keys.map(\.kid) == ["2011-04-29"])
        #expect(set.keys.map(\.algorithm) == [.rs256])
    }

    @Test func `RFC 7520 §3 has one key for us, one of another curve and one that is secret`() throws {
        #expect(try JSONWebKey(json: Published.rfc7520RSA).algorithm == .rs256)
        #expect(throws: JOSEError.unsupportedKey) { try JSONWebKey(json: Published.rfc7520EC) }
        #expect(throws: JOSEError.privateKeyMaterial) { try JSONWebKey(json: Published.rfc7520Secret) }
    }
}
