import Cryptography
import OAuth
import Testing

@Suite struct ClientFileTests {
    @Test func `a good file is read whole`() throws {
        let file = try ClientFile(
            parsing: Array(
                """
                {
                  "clients": [
                    {
                      "client_id": "game", "client_name": "The Game",
                      "redirect_uris": ["https://game.example/cb", "com.example.game:/cb"],
                      "link_uris": ["https://game.example/link"], "require_pkce": true, "first_party": true,
                      "token_profile": "xsolla", "access_token_signed_response_alg": "RS256",
                      "access_token_lifetime": 600, "audience": ["one", "two"], "project_id": 4711, "publisher_id": 42,
                      "default_locale": "ja", "webotp_domain": "game.example", "android_app_hash": "FA+9qCX9VSu",
                      "logo_uri": "https://game.example/logo.png"
                    },
                    {
                      "client_id": 17, "client_secret_sha256": "\(String(repeating: "0f", count: 32))",
                      "grant_types": ["client_credentials"], "scope": "reports:read", "may_introspect": true,
                      "token_endpoint_auth_method": "client_secret_post"
                    }
                  ]
                }
                """.utf8))
        #expect(file.warnings.isEmpty)
        #expect(file.clients.map(\.id.rawValue) == ["game", "17"])

        let game = file.clients[0]
        #expect(game.name == "The Game")
        #expect(game.isPublic)
        #expect(game.redirectURIs.map(\.text) == ["https://game.example/cb", "com.example.game:/cb"])
        #expect(game.linkURIs.map(\.text) == ["https://game.example/link"])
        #expect(game.grantTypes == [.authorizationCode, .refreshToken])
        #expect(game.requiresPKCE && game.isFirstParty && !game.mayIntrospect)
        #expect(game.tokenProfile == .xsolla)
        #expect(game.signingAlgorithm == .rs256)
        #expect(game.accessTokenLifetimeSeconds == 600)
        #expect(game.audience == ["one", "two"])
        #expect(game.projectID == "4711")
        #expect(game.publisherID == 42)
        #expect(game.defaultLocale == "ja")
        #expect(game.webOTPDomain == "game.example")
        #expect(game.androidAppHash == "FA+9qCX9VSu")
        #expect(game.scope == nil)

        let reports = file.clients[1]
        #expect(reports.name == "17")
        #expect(reports.authenticationMethod == .clientSecretPost)
        #expect(reports.secretDigest?.bytes == [UInt8](repeating: 0x0F, count: 32))
        #expect(!reports.hasPlaintextSecret)
        #expect(reports.grantTypes == [.clientCredentials])
        #expect(reports.scope == Scope("reports:read"))
        #expect(reports.audience == ["17"])
        #expect(reports.mayIntrospect)
    }

    @Test func `a secret in the file is hashed, and the file's fault is remembered`() throws {
        let client = try read(#""client_id": "game", "client_secret": "correct horse""#).clients[0]
        #expect(client.secretDigest == SHA256Digest(of: "correct horse"))
        #expect(client.hasPlaintextSecret)
        #expect(client.authenticationMethod == .clientSecretBasic)
    }

    /// One deviation each from a client that is accepted: members that replace or join its own.
    static let problems: [(members: String, reason: String)] = [
        (#""client_id": """#, "client_id must be a text"),
        (#""client_id": "gämé""#, "client_id must be printable ASCII"),
        (#""client_id": "a\nb""#, "client_id must be printable ASCII"),
        (#""client_id": null"#, "client_id must be a text"),
        (#""client_id": "\#(String(repeating: "a", count: 256))""#, "client_id must be printable ASCII"),
        (#""client_id": "g", "client_name": 1.5"#, "client_name must be a text"),
        (#""client_id": "g", "client_secret": "short12""#, "client_secret must have 8 characters or more"),
        (#""client_id": "g", "client_secret": ["x"]"#, "client_secret must be a text"),
        (#""client_id": "g", "client_secret_sha256": "00""#, "client_secret_sha256 must be 64 hexadecimal digits"),
        (
            #""client_id": "g", "client_secret": "long enough", "client_secret_sha256": "\#(String(repeating: "0f", count: 32))""#,
            "client_secret and client_secret_sha256 exclude each other"
        ),
        (
            #""client_id": "g", "client_secret": "long enough", "token_endpoint_auth_method": "none""#,
            "a client with token_endpoint_auth_method none has no secret"
        ),
        (
            #""client_id": "g", "token_endpoint_auth_method": "client_secret_basic""#,
            "token_endpoint_auth_method needs a client secret"
        ),
        (
            #""client_id": "g", "token_endpoint_auth_method": "tls_client_auth""#,
            "token_endpoint_auth_method must be one of none, "
        ),
        (#""client_id": "g", "redirect_uris": "https://game.example""#, "redirect_uris must be a list of texts"),
        (#""client_id": "g", "redirect_uris": [1]"#, "redirect_uris must be a list of texts"),
        (
            #""client_id": "g", "redirect_uris": ["https://*.game.example"]"#,
            "redirect_uris: entry 1 is not an absolute URI"
        ),
        (
            #""client_id": "g", "redirect_uris": ["javascript:alert(1)"]"#,
            "redirect_uris: entry 1 is not an absolute URI"
        ),
        (#""client_id": "g", "link_uris": ["/login"]"#, "link_uris: entry 1 is not an absolute URI"),
        (#""client_id": "g", "grant_types": "authorization_code""#, "grant_types must be a list of texts"),
        (
            #""client_id": "g", "grant_types": ["client_credentials"]"#,
            "client_credentials needs a client that authenticates"
        ),
        (#""client_id": "g", "may_introspect": true"#, "may_introspect needs a client that authenticates"),
        (#""client_id": "g", "require_pkce": "true""#, "require_pkce must be true or false"),
        (#""client_id": "g", "first_party": 1"#, "first_party must be true or false"),
        (#""client_id": "g", "scope": "a\tb""#, "scope is malformed"),
        (#""client_id": "g", "audience": []"#, "audience must not be empty"),
        (#""client_id": "g", "audience": [1]"#, "audience must be a list of texts"),
        (#""client_id": "g", "token_profile": "jwt""#, "token_profile must be one of rfc9068, xsolla"),
        (
            #""client_id": "g", "access_token_signed_response_alg": "none""#,
            "access_token_signed_response_alg must be one of "
        ),
        (#""client_id": "g", "access_token_lifetime": 0"#, "access_token_lifetime must be 1 to 31536000 seconds"),
        (
            #""client_id": "g", "access_token_lifetime": 31536001"#,
            "access_token_lifetime must be 1 to 31536000 seconds"
        ),
        (#""client_id": "g", "access_token_lifetime": "600""#, "access_token_lifetime must be an integer"),
        (#""client_id": "g", "publisher_id": "x""#, "publisher_id must be an integer"),
        (#""client_id": "g", "webotp_domain": "https://game.example""#, "webotp_domain must be a host name"),
        (#""client_id": "g", "webotp_domain": "-game.example""#, "webotp_domain must be a host name"),
        (#""client_id": "g", "webotp_domain": "game..example""#, "webotp_domain must be a host name"),
        (#""client_id": "g", "webotp_domain": "game.example\n""#, "webotp_domain must be a host name"),
        (#""client_id": "g", "android_app_hash": "short""#, "android_app_hash must have 11 characters"),
        (#""client_id": "g", "android_app_hash": "FA+9qCX9VS ""#, "android_app_hash must have 11 characters"),
    ]

    @Test(arguments: problems)
    func `each problem is told with its line`(_ row: (members: String, reason: String)) throws {
        let failure = #expect(throws: ClientFile.Failure.self) { try read(row.members) }
        let problems = try #require(failure?.problems)
        #expect(problems.contains { $0.reason.contains(row.reason) })
        #expect(problems.allSatisfy { $0.line == 4 })
    }

    @Test func `all problems of all clients are told at once`() throws {
        let failure = #expect(throws: ClientFile.Failure.self) {
            try ClientFile(
                parsing: Array(
                    """
                    {"clients": [
                      {"client_id": "a", "scope": "\\u0001", "require_pkce": 1},
                      {"client_id": "b"},
                      {"client_id": "a"}
                    ]}
                    """.utf8))
        }
        #expect(
            failure?.problems.map(\.description) == [
                "line 2: client \"a\": scope is malformed", "line 2: client \"a\": require_pkce must be true or false",
                "line 4: client \"a\": client_id is used twice",
            ])
    }

    static let noFiles: [(text: String, problem: String)] = [
        ("", "line 1: not valid JSON (the text ends too early)"),
        ("{\n\"clients\": [\n}", "line 3: not valid JSON (a character that cannot stand here)"),
        ("{\"clients\": []}\n}", "line 2: not valid JSON (something follows the value)"),
        ("{\"clients\": [],\n\"clients\": []}", "line 2: not valid JSON (a member name is there twice)"),
        ("[]", "line 1: expected an object"), ("{}", "line 1: expected an object"),
        ("{\"clients\": {}}", "line 1: expected an object"),
        ("{\"clients\": null}", "line 1: expected an object"),
    ]

    @Test(arguments: noFiles)
    func `a file that is no list of clients is refused with the place`(_ row: (text: String, problem: String)) throws {
        let failure = #expect(throws: ClientFile.Failure.self) { try ClientFile(parsing: Array(row.text.utf8)) }
        #expect(try #require(failure?.problems.first).description.hasPrefix(row.problem))
    }

    @Test func `no clients is a file too`() throws {
        #expect(try ClientFile(parsing: Array(#"{"clients": []}"#.utf8)).clients.isEmpty)
    }

    /// Problems of the third and fourth line, whatever stands before them.
    static let shiftedLines = [
        #"{"client_id": "a"}, "# + "\n" + #"{"client_name": "without an id"}"#,
        #"{"client_id": "a", "client_name": "client_id"}, "# + "\n" + #"{"client_id": "b", "scope": "\u0001"}"#,
        #"{"client_id": "a", "kii": {"client_id": "x", "app_key": "12345678901234567890"}}, "# + "\n"
            + #"{"client_id": "b", "scope": "\u0001"}"#,
        #"{"client_\u0069d": "a"}, "# + "\n" + #"{"client_id": "b", "scope": "\u0001"}"#,
    ]

    @Test(arguments: shiftedLines)
    func `a problem is told by its own client's line`(_ clients: String) {
        let text = "{\"clients\": [\n\(clients),\n{\"client_id\": \"c\", \"scope\": \"\\u0001\"}\n]}"
        let failure = #expect(throws: ClientFile.Failure.self) { try ClientFile(parsing: Array(text.utf8)) }
        #expect(failure?.problems.map(\.line) == [3, 4])
    }

    @Test(arguments: [#""client_id": "g", "redirect_uri": []"#, #""client_id": "g", "grant_types": ["implicit"]"#])
    func `what means nothing here is a warning`(_ members: String) throws {
        let file = try read(members)
        #expect(file.clients.count == 1)
        #expect(Set(file.warnings.map(\.line)) == [4])
    }

    @Test func `a name goes into texts without what could break them`() throws {
        let name = #"\u202EThe\u0000 \r\nGame\u200B\u2028 電話 {code}"#
        #expect(try read(#""client_id": "g", "client_name": "\#(name)""#).clients[0].name == "The Game 電話 {code}")
        let long = String(repeating: "n", count: 100)
        #expect(try read(#""client_id": "g", "client_name": "\#(long)""#).clients[0].name.count == 64)
    }

    /// A file whose fourth line is a client with these members.
    private func read(_ members: String) throws(ClientFile.Failure) -> ClientFile {
        try ClientFile(parsing: Array("{\n\n\"clients\": [\n{\(members)}\n]\n}".utf8))
    }
}

@Suite struct ClientRegistryTests {
    private func client(_ id: String, project: String? = nil) -> Client {
        var client = Client(
            id: ClientID(id), name: id, authenticationMethod: .none, redirectURIs: [], grantTypes: [.authorizationCode])
        client.projectID = project
        return client
    }

    @Test func `a client is found by its id, and by its project for those who name one`() {
        let registry = ClientRegistry([client("b", project: "1"), client("a", project: "2"), client("1")])
        #expect(registry[ClientID("a")]?.projectID == "2")
        #expect(registry[ClientID("2")] == nil)
        #expect(registry.client(ofProject: "2")?.id == ClientID("a"))
        #expect(registry.client(ofProject: "b")?.id == ClientID("b"))
        #expect(registry.client(ofProject: "1")?.id == ClientID("1"), "an id comes before a project")
        #expect(registry.client(ofProject: "3") == nil)
        #expect(registry.all.map(\.id.rawValue) == ["1", "a", "b"])
    }

    @Test func `the running set is replaced as a whole`() {
        let registry = ClientRegistry([client("a"), client("b")])
        registry.replace(with: [client("b"), client("c")])
        #expect(registry.all.map(\.id.rawValue) == ["b", "c"])
        #expect(registry[ClientID("a")] == nil)
    }
}
