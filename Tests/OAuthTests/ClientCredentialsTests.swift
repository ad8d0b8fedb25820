import Cryptography
import DeveloperLog
import OAuth
import TestSupport
import Testing
import Time

@Suite struct ClientCredentialsTests {
    private static func basic(_ text: String) -> String { "Basic " + Base64.encode(Array(text.utf8)) }

    struct Row: Sendable {
        var header: String?
        var form = ""
        let id: String
        let secret: String?
    }

    static let readable: [Row] = [
        Row(form: "client_id=game", id: "game", secret: nil),
        Row(form: "client_id=game&client_secret=s", id: "game", secret: "s"),
        Row(form: "client_id=game&client_secret=", id: "game", secret: nil),
        Row(header: basic("game:s"), id: "game", secret: "s"),
        Row(header: basic("game:s"), form: "client_id=game", id: "game", secret: "s"),
        Row(header: basic("game:s:t"), id: "game", secret: "s:t"),
        Row(header: basic("game:"), id: "game", secret: ""),
        Row(header: basic(":s"), id: "", secret: "s"),
        Row(header: "bAsIc " + basic("game:s").dropFirst(6), id: "game", secret: "s"),
        // RFC 6749 §2.3.1: both halves are form-encoded first.
        Row(header: basic("a%3Ab:c%2Bd+e%25"), id: "a:b", secret: "c+d e%"),
        Row(header: basic("game:p&q=r%26"), id: "game", secret: "p&q=r&"),
        Row(header: basic("game:電話"), id: "game", secret: "電話"),
    ]

    @Test(arguments: readable)
    func `a client says who it is in the header or in the form`(_ row: Row) throws {
        let credentials = try ClientCredentials.read(
            authorization: row.header, form: FormParameters(parsing: row.form))
        #expect(credentials.id == ClientID(row.id))
        #expect(credentials.secret == row.secret)
    }

    static let refused: [(header: String?, form: String, code: OAuthError.Code)] = [
        (nil, "", .invalidClient), (nil, "client_secret=s", .invalidClient), (nil, "client_id=", .invalidClient),
        (nil, "client_id=a&client_id=a", .invalidRequest),
        (nil, "client_id=a&client_secret=b&client_secret=b", .invalidRequest),
        (basic("game:s"), "client_secret=s", .invalidRequest), (basic("game:s"), "client_id=other", .invalidRequest),
        (basic("game:s"), "client_id=game&client_secret=s", .invalidRequest),
        (basic("game"), "", .invalidClient), ("Basic", "", .invalidClient), ("Basic ", "", .invalidClient),
        ("", "", .invalidClient),
        ("Basic !!!!", "", .invalidClient), ("Basic Z2FtZTpz=", "", .invalidClient),
        ("Basic Z2Ft ZTpz", "", .invalidClient),
        ("Bearer " + basic("game:s").dropFirst(6), "", .invalidClient),
        ("Basic " + Base64.encode([0xFF, 0x3A, 0x61]), "", .invalidClient),
        (basic("game:%"), "", .invalidClient), (basic("game:%zz"), "", .invalidClient),
        (basic("game:%FF"), "", .invalidClient),
        (basic("game:%00"), "", .invalidClient), ("Bearer token", "client_id=game", .invalidClient),
    ]

    @Test(arguments: refused)
    func `one deviation is refused with the right code`(
        _ row: (header: String?, form: String, code: OAuthError.Code)
    ) throws {
        let form = try FormParameters(parsing: row.form)
        let failure = #expect(throws: OAuthError.self) {
            try ClientCredentials.read(authorization: row.header, form: form)
        }
        #expect(failure?.code == row.code)
    }
}

@Suite struct ClientAuthenticatorTests {
    private static let clients = [Client.fixture("public"), .fixture("confidential", secret: "the right secret")]

    struct Row: Sendable {
        let id: String
        let secret: String?
        let isLet: Bool
        var reason = ""
    }

    static let rows: [Row] = [
        Row(id: "public", secret: nil, isLet: true),
        Row(id: "confidential", secret: "the right secret", isLet: true),
        Row(id: "confidential", secret: "the right secret ", isLet: false, reason: "wrong or missing client secret"),
        Row(id: "confidential", secret: "The right secret", isLet: false, reason: "wrong or missing client secret"),
        Row(id: "confidential", secret: "", isLet: false, reason: "wrong or missing client secret"),
        Row(id: "confidential", secret: nil, isLet: false, reason: "wrong or missing client secret"),
        Row(id: "public", secret: "anything", isLet: false, reason: "wrong or missing client secret"),
        Row(id: "public", secret: "", isLet: false, reason: "wrong or missing client secret"),
        Row(id: "Confidential", secret: "the right secret", isLet: false, reason: "unknown client"),
        Row(id: "nobody", secret: nil, isLet: false, reason: "unknown client"),
        Row(id: "nobody", secret: "no client has this secret", isLet: false, reason: "unknown client"),
    ]

    @Test(arguments: rows)
    func `only the client itself is let in, and the log tells of the others`(_ row: Row) async throws {
        try await withStore { store in
            let authenticator = ClientAuthenticator(
                registry: ClientRegistry(Self.clients),
                assertions: ClientAssertionCheck(
                    issuer: .localhost(port: 8080), keys: InlineClientKeys(), identifiers: store,
                    limitPerAddress: nil), log: store)
            let credentials = ClientCredentials(id: ClientID(row.id), secret: row.secret)
            do {
                let client = try await authenticator.authenticate(credentials, from: .home, at: .noon)
                #expect(row.isLet)
                #expect(client.client.id == ClientID(row.id))
                #expect(try await store.log().isEmpty)
            } catch let error as OAuthError {
                #expect(!row.isLet)
                #expect(error.code == .invalidClient)
                let event = try #require(try await store.log().first)
                #expect(event.kind == .clientAuthenticationFailed)
                #expect(event.reason == row.reason)
                #expect(event.clientID == (row.reason == "unknown client" ? nil : row.id))
            }
        }
    }

    @Test func `a client uses the grants that it registered for`() async throws {
        try await withStore { store in
            let authenticator = ClientAuthenticator(
                registry: ClientRegistry(Self.clients),
                assertions: ClientAssertionCheck(
                    issuer: .localhost(port: 8080), keys: InlineClientKeys(), identifiers: store,
                    limitPerAddress: nil), log: store)
            let client = try await authenticator.authenticate(
                ClientCredentials(id: ClientID("public"), secret: nil), from: .home, at: .noon)
            try client.mayUse(.authorizationCode)
            try client.mayUse(.refreshToken)
            let failure = #expect(throws: OAuthError.self) { try client.mayUse(.clientCredentials) }
            #expect(failure?.code == .unauthorizedClient)
        }
    }
}
