import Cryptography
import OAuth
import Testing

/// What the client file says of the redirect login, of OpenID Connect and of the pages' looks.
@Suite struct ClientFileOpenIDTests {
    /// A file whose fourth line is a client with these members.
    private func read(_ members: String) throws(ClientFile.Failure) -> ClientFile {
        try ClientFile(parsing: Array("{\n\n\"clients\": [\n{\(members)}\n]\n}".utf8))
    }

    private func client(_ members: String) throws -> Client {
        let file = try read(#""client_id": "g", "redirect_uris": ["https://game.example/cb"], \#(members)"#)
        #expect(file.warnings.isEmpty)
        return try #require(file.clients.first)
    }

    @Test func `a client that says nothing of it gets the ordinary`() throws {
        let client = try client(#""client_name": "Game""#)
        #expect(client.postLogoutRedirectURIs.isEmpty)
        #expect(client.corsOrigins.isEmpty)
        #expect(client.idTokenAlgorithm == .es256)
        #expect(client.subjectType == .public)
        #expect(client.sectorIdentifier == nil)
        #expect(!client.isFirstParty)
        #expect(client.mayRunPhoneLogin)
        #expect(client.logoFile == nil && client.logo == nil && client.brandColor == nil)
    }

    @Test func `everything that can be said is read`() throws {
        let client = try client(
            """
            "post_logout_redirect_uris": ["https://game.example/bye", "com.example.game:/bye"],
            "cors_origins": ["https://game.example", "http://localhost:3000"], "response_types": ["code"],
            "id_token_signed_response_alg": "EdDSA", "subject_type": "pairwise",
            "sector_identifier_uri": "https://Sector.example:8443/clients.json", "first_party": true,
            "phone_login": false, "logo_file": "logos/game.svg", "brand_color": "#3A45d1"
            """)
        #expect(client.postLogoutRedirectURIs.map(\.text) == ["https://game.example/bye", "com.example.game:/bye"])
        #expect(client.corsOrigins == ["https://game.example", "http://localhost:3000"])
        #expect(client.idTokenAlgorithm == .edDSA)
        #expect(client.subjectType == .pairwise)
        #expect(client.sectorIdentifier == "sector.example")
        #expect(client.isFirstParty)
        #expect(!client.mayRunPhoneLogin)
        #expect(client.logoFile == "logos/game.svg")
        #expect(client.brandColor == BrandColor(red: 0x3A, green: 0x45, blue: 0xD1))
    }

    /// One deviation each from a client that is accepted.
    static let problems: [(members: String, reason: String)] = [
        (#""post_logout_redirect_uris": "https://game.example""#, "post_logout_redirect_uris must be a list of texts"),
        (#""post_logout_redirect_uris": ["/bye"]"#, "post_logout_redirect_uris: entry 1 is not an absolute URI"),
        (
            ##""post_logout_redirect_uris": ["https://a.example", "https://a.example/#x"]"##,
            "post_logout_redirect_uris: entry 2 is not an absolute URI"
        ),
        (
            #""post_logout_redirect_uris": ["javascript:alert(1)"]"#,
            "post_logout_redirect_uris: entry 1 is not an absolute URI"
        ),
        (#""cors_origins": ["https://game.example/"]"#, "cors_origins: entry 1 must be an origin"),
        (#""cors_origins": ["https://game.example?x"]"#, "cors_origins: entry 1 must be an origin"),
        (#""cors_origins": ["https://Game.example"]"#, "cors_origins: entry 1 must be an origin"),
        (#""cors_origins": ["com.example.game:x"]"#, "cors_origins: entry 1 must be an origin"),
        (#""cors_origins": ["*"]"#, "cors_origins: entry 1 must be an origin"),
        (#""cors_origins": ["null"]"#, "cors_origins: entry 1 must be an origin"),
        (#""cors_origins": "https://game.example""#, "cors_origins must be a list of texts"),
        (#""response_types": ["token"]"#, "response_types: only code is supported"),
        (#""response_types": ["code", "code id_token"]"#, "response_types: only code is supported"),
        (#""response_types": "code""#, "response_types must be a list of texts"),
        (
            #""id_token_signed_response_alg": "HS256""#, "id_token_signed_response_alg must be ES256, RS256 or EdDSA"
        ),
        (#""id_token_signed_response_alg": "none""#, "id_token_signed_response_alg must be one of"),
        (#""id_token_signed_response_alg": "es256""#, "id_token_signed_response_alg must be one of"),
        (#""subject_type": "private""#, "subject_type must be one of public, pairwise"),
        (#""subject_type": true"#, "subject_type must be a text"),
        (#""sector_identifier_uri": "http://sector.example/x""#, "sector_identifier_uri must be an https URL"),
        (#""sector_identifier_uri": "sector.example""#, "sector_identifier_uri must be an https URL"),
        (#""sector_identifier_uri": """#, "sector_identifier_uri must be a text"),
        (#""first_party": "yes""#, "first_party must be true or false"),
        (#""phone_login": "no""#, "phone_login must be true or false"),
        (#""phone_login": null"#, "phone_login must be true or false"),
        (#""logo_file": """#, "logo_file must be a text"), (#""logo_file": ["a.png"]"#, "logo_file must be a text"),
        (#""brand_color": "red""#, "brand_color must be written #rrggbb"),
        (##""brand_color": "#fff""##, "brand_color must be written #rrggbb"),
        (##""brand_color": "#3a45d1ff""##, "brand_color must be written #rrggbb"),
        (##""brand_color": "#3a45dg""##, "brand_color must be written #rrggbb"),
        (##""brand_color": " #3a45d""##, "brand_color must be written #rrggbb"),
        (#""brand_color": "3a45d1x""#, "brand_color must be written #rrggbb"),
        (##""brand_color": "#;}*{x""##, "brand_color must be written #rrggbb"),
    ]

    @Test(arguments: problems)
    func `each problem is told with its line`(_ row: (members: String, reason: String)) throws {
        let failure = #expect(throws: ClientFile.Failure.self) { try read(#""client_id": "g", \#(row.members)"#) }
        let problems = try #require(failure?.problems)
        #expect(problems.map(\.line) == [4], "one fault is one problem")
        #expect(problems.allSatisfy { $0.reason.contains(row.reason) }, "\(problems)")
    }

    /// OpenID Connect Core §8.1: clients of one host know people by one name. What no one host owns is nobody's.
    static let sectors: [(redirects: [String], sector: String?, isAccepted: Bool)] = [
        (["https://game.example/cb"], "game.example", true),
        (["https://game.example/a", "https://game.example:8443/b"], "game.example", true),
        (["https://Game.example/a", "https://game.EXAMPLE/b"], "game.example", true),
        (["https://[2001:db8::1]/cb"], "[2001:db8::1]", true),
        (["com.example.game:/cb"], nil, true), (["appa://callback"], nil, true),
        (["http://127.0.0.1/cb"], nil, true), (["http://localhost:3000/cb", "com.example.game:/cb"], nil, true),
        (["https://game.example/cb", "https://other.example/cb"], nil, false),
        (["https://game.example/cb", "com.example.game:/cb"], nil, false),
        (["https://game.example/cb", "http://127.0.0.1/cb"], nil, false),
        ([], nil, true),
    ]

    @Test(arguments: sectors)
    func `a pairwise client's sector is its one host on the internet, or its own`(
        _ row: (redirects: [String], sector: String?, isAccepted: Bool)
    ) throws {
        let redirects = row.redirects.map { "\"\($0)\"" }.joined(separator: ", ")
        let members = #""client_id": "g", "subject_type": "pairwise", "redirect_uris": [\#(redirects)]"#
        guard row.isAccepted else {
            let failure = #expect(throws: ClientFile.Failure.self) { try read(members) }
            #expect(failure?.problems.first?.reason.contains("needs a sector_identifier_uri") == true)
            let named = try read(members + #", "sector_identifier_uri": "https://sector.example/x""#)
            #expect(named.clients.first?.sectorIdentifier == "sector.example")
            return
        }
        #expect(try read(members).clients.first?.sectorIdentifier == row.sector)
    }

    @Test func `a client of the public kind has no sector of its own making`() throws {
        let members = #""client_id": "g", "redirect_uris": ["https://a.example/cb", "https://b.example/cb"]"#
        #expect(try read(members).clients.first?.sectorIdentifier == nil)
    }

    /// Names that RFC 7591 gives and this server does not act on.
    @Test func `a picture that is somewhere else is not fetched, and no fault`() throws {
        let client = try client(#""logo_uri": "https://game.example/logo.png", "jwks_uri": "https://game.example/k""#)
        #expect(client.logo == nil && client.logoFile == nil)
    }
}
