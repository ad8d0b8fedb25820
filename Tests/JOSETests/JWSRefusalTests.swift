import Cryptography
import JOSE
import Testing

/// Each row changes exactly one thing in a token that would be good; the signature always fits the change.
@Suite struct JWSRefusalTests {
    struct Deviation: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let error: JOSEError
        let make: @Sendable (SignerFixture) throws -> String

        init(_ name: String, _ error: JOSEError, _ make: @escaping @Sendable (SignerFixture) throws -> String) {
            self.testDescription = name
            self.error = error
            self.make = make
        }

        static func header(_ name: String, _ value: JSONValue?, _ error: JOSEError) -> Deviation {
            Deviation("\(name) \(value?.serializedText ?? "missing")", error) { signer in
                var header = SignerFixture.header
                header[name] = value
                return try signer.token(header: header)
            }
        }

        static func rawHeader(_ text: String, _ error: JOSEError) -> Deviation {
            Deviation(text, error) {
                try $0.token(header: Array(text.utf8), payload: SignerFixture.claims.members.serialized())
            }
        }

        static func text(_ name: String, _ error: JOSEError, _ change: @escaping @Sendable (String) -> String)
            -> Deviation
        {
            Deviation(name, error) { change(try $0.token()) }
        }
    }

    static let headers: [Deviation] = [
        .header("alg", "none", .wrongAlgorithm), .header("alg", "None", .wrongAlgorithm),
        .header("alg", "HS256", .wrongAlgorithm), .header("alg", "RS256", .wrongAlgorithm),
        .header("alg", "es256", .wrongAlgorithm), .header("alg", "ES384", .wrongAlgorithm),
        .header("alg", "", .wrongAlgorithm), .header("alg", nil, .malformed), .header("alg", 1, .malformed),
        .header("alg", ["ES256"], .malformed), .header("kid", "key 2", .unknownKey), .header("kid", "", .unknownKey),
        .header("kid", "KEY 1", .unknownKey), .header("kid", nil, .unknownKey), .header("kid", 1, .malformed),
        .header("kid", .null, .malformed), .header("typ", "JWT", .wrongType), .header("typ", nil, .wrongType),
        .header("typ", 1, .wrongType), .header("typ", "", .wrongType), .header("typ", "at+jwt2", .wrongType),
        .header("typ", "text/at+jwt", .wrongType), .header("typ", "application/x/at+jwt", .wrongType),
        .header("crit", ["exp"], .unsupportedCriticalHeader), .header("crit", [], .unsupportedCriticalHeader),
        .header("crit", "b64", .unsupportedCriticalHeader), .header("crit", ["b64"], .unsupportedCriticalHeader),
        .header("b64", false, .unencodedPayload), .header("b64", "false", .unencodedPayload),
        .rawHeader("", .malformed), .rawHeader("{", .malformed), .rawHeader("null", .malformed),
        .rawHeader(#"[{"alg":"ES256"}]"#, .malformed), .rawHeader("\u{FEFF}{}", .malformed),
        .rawHeader(#"{"alg":"ES256","alg":"ES256","typ":"at+jwt","kid":"key 1"}"#, .malformed),
        .rawHeader(#"{"alg":"none","typ":"at+jwt","kid":"key 1","\u0061lg":"ES256"}"#, .malformed),
        .rawHeader(#"{"alg":"ES256","typ":"at+jwt","kid":"key 1"}x"#, .malformed),
    ]

    static let texts: [Deviation] = [
        .text("empty", .malformed) { _ in "" }, .text("only dots", .malformed) { _ in ".." },
        .text("one part", .malformed) { String($0.prefix { $0 != "." }) },
        .text("two parts", .malformed) { $0.split(separator: ".").prefix(2).joined(separator: ".") },
        .text("four parts", .malformed) { $0 + ".AA" }, .text("five parts, as a JWE", .malformed) { $0 + ".AA.AA" },
        .text("a dot behind", .malformed) { $0 + "." }, .text("a dot in front", .malformed) { "." + $0 },
        .text("padding", .malformed) { $0 + "==" }, .text("a space behind", .malformed) { $0 + " " },
        .text("a line break behind", .malformed) { $0 + "\n" }, .text("a space in front", .malformed) { " " + $0 },
        .text("a line break inside", .malformed) { $0.replacing(".", with: ".\n") },
        .text("the other alphabet", .malformed) { $0.dropLast(2) + "+/" },
        .text("a character too many", .malformed) { $0 + "AAA" }, .text("NUL", .malformed) { $0 + "\u{0}" },
        .text("another digit that looks alike", .malformed) { $0.dropLast() + "\u{FF11}" },
        .text("no signature", .badSignature) { $0.prefix { $0 != "." } + "." + $0.split(separator: ".")[1] + "." },
        .text("a short signature", .badSignature) { String($0.dropLast(2)) },
        .text("a long signature", .badSignature) { $0 + "AAAA" },
        .text("a signature of zeros", .badSignature) { $0.dropLast(86) + String(repeating: "A", count: 86) },
        .text("too large", .oversized) { $0 + String(repeating: "A", count: JWS.sizeLimit) },
    ]

    @Test(arguments: headers)
    func `one deviation in the header is refused`(_ deviation: Deviation) throws {
        let signer = try SignerFixture()
        try signer.verify(signer.token())
        #expect(throws: deviation.error) { try signer.verify(deviation.make(signer)) }
    }

    @Test(arguments: texts)
    func `one deviation in the text is refused`(_ deviation: Deviation) throws {
        let signer = try SignerFixture()
        #expect(throws: deviation.error) { try signer.verify(deviation.make(signer)) }
    }

    /// CVE-2015-9235: a public key, which everyone has, must not become an HMAC secret.
    @Test func `HS256 with the public key as its secret is refused`() throws {
        let signer = try SignerFixture()
        guard case .ec(let x, let y) = signer.key.verificationKey.parameters else { return }
        for secret in [x + y, [4] + x + y, JSONWebKey.published(signer.jwsKey).json().serialized()] {
            let forger = try SigningKey(secret: secret)
            for algorithm: JSONValue in ["HS256", "ES256"] {
                let header: JSONObject = ["alg": algorithm, "typ": "at+jwt", "kid": "key 1"]
                let input = """
                    \(Base64URL.encode(header.serialized())).\
                    \(Base64URL.encode(SignerFixture.claims.members.serialized()))
                    """
                let token = "\(input).\(Base64URL.encode(try forger.sign(Array(input.utf8))))"
                let error: JOSEError = algorithm == "HS256" ? .wrongAlgorithm : .badSignature
                #expect(throws: error) { try signer.verify(token) }
            }
        }
    }

    /// CVE-2018-0114: the header offers the forger's own key in every way there is.
    @Test(arguments: ["jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256"])
    func `a key that the token brings along is never used`(_ member: String) throws {
        let signer = try SignerFixture()
        let forger = try SignerFixture()
        var header = SignerFixture.header
        header[member] = member == "jwk" ? JSONWebKey.published(forger.jwsKey).json() : "https://evil.example/jwks.json"
        #expect(throws: JOSEError.badSignature) { try signer.verify(forger.token(header: header)) }
        // To an honest token it does no harm.
        try signer.verify(signer.token(header: header))
    }

    @Test func `every changed character is noticed`() throws {
        let signer = try SignerFixture()
        let token = try signer.token()
        for index in token.indices {
            var changed = token
            changed.replaceSubrange(index...index, with: token[index] == "A" ? "B" : "A")
            #expect(throws: JOSEError.self) { try signer.verify(changed) }
        }
    }

    @Test func `the parts of two good tokens cannot be mixed`() throws {
        let signer = try SignerFixture()
        var other = SignerFixture.claims
        other.subject = "user 2"
        let first = try signer.token().split(separator: ".")
        let second = try signer.token(claims: other).split(separator: ".")
        #expect(throws: JOSEError.badSignature) { try signer.verify("\(first[0]).\(second[1]).\(first[2])") }
        #expect(throws: JOSEError.badSignature) { try signer.verify("\(first[0]).\(first[1]).\(second[2])") }
    }
}

extension JSONWebKey {
    /// For keys that are known to be asymmetric.
    static func published(_ key: JWSKey) -> JSONWebKey { JWKSet(publishing: [key]).keys[0] }
}
