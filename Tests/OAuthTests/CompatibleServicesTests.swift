import Cryptography
import OAuth
import Testing

/// What the client file says of the interfaces of other services.
@Suite struct CompatibleServicesTests {
    /// A file whose fourth line is a client with these members.
    private func read(_ members: String) throws(ClientFile.Failure) -> ClientFile {
        try ClientFile(parsing: Array("{\n\n\"clients\": [\n{\"client_id\": \"g\", \(members)}\n]\n}".utf8))
    }

    private func client(_ members: String) throws -> Client {
        let file = try read(members)
        #expect(file.warnings.isEmpty, "\(file.warnings)")
        return try #require(file.clients.first)
    }

    private static let hash = String(repeating: "0f", count: 32)

    @Test func `a client that says nothing of them has neither`() throws {
        let client = try client(#""redirect_uris": ["https://game.example/cb"]"#)
        #expect(client.kii == nil && client.monaca == nil)
    }

    @Test func `a Kii app that gives its key alone gets the ordinary`() throws {
        let app = try #require(try client(#""kii": {"app_key": "an app's key"}"#).kii)
        #expect(app.appKey == SHA256Digest(of: "an app's key") && app.hasPlaintextKey)
        #expect(!app.verifiesNumber && !app.verifiesEmail && !app.tellsCompletion)
    }

    @Test func `everything that a Kii app says is read`() throws {
        let app = try #require(
            try client(
                """
                "kii": {"app_key_sha256": "\(Self.hash)", "verify_phone": true, "verify_email": true,
                    "completion_messages": true}
                """
            ).kii)
        #expect(app.appKey.bytes == [UInt8](repeating: 0x0F, count: 32) && !app.hasPlaintextKey)
        #expect(app.verifiesNumber && app.verifiesEmail && app.tellsCompletion)
    }

    @Test func `a Monaca backend that gives its key alone gets the ordinary`() throws {
        let backend = try #require(try client(#""monaca": {"api_key": "an api key"}"#).monaca)
        #expect(backend.apiKey == SHA256Digest(of: "an api key") && backend.hasPlaintextKey)
        #expect(backend.allowsAutoLogin)
        #expect(backend.minimumUsernameLength == 3 && backend.minimumPasswordLength == 8)
    }

    @Test func `everything that a Monaca backend says is read`() throws {
        let backend = try #require(
            try client(
                """
                "monaca": {"api_key_sha256": "\(Self.hash.uppercased())", "auto_login": false,
                    "minimum_username_length": 1, "minimum_password_length": 80}
                """
            ).monaca)
        #expect(backend.apiKey.bytes == [UInt8](repeating: 0x0F, count: 32) && !backend.hasPlaintextKey)
        #expect(!backend.allowsAutoLogin)
        #expect(backend.minimumUsernameLength == 1 && backend.minimumPasswordLength == 80)
    }

    @Test func `one client may be both, needs no redirect and may have no grant types`() throws {
        let client = try client(
            #""grant_types": [], "kii": {"app_key": "an app's key"}, "monaca": {"api_key": "an api key"}"#)
        #expect(client.kii != nil && client.monaca != nil)
        #expect(client.redirectURIs.isEmpty && client.grantTypes.isEmpty)
    }

    @Test func `pages of an app may call its interface`() throws {
        let client = try client(
            #""cors_origins": ["https://game.example"], "kii": {"app_key": "an app's key"}, "grant_types": []"#)
        #expect(client.corsOrigins == ["https://game.example"])
    }

    /// One deviation each from a client that is accepted.
    static let problems: [(members: String, reason: String)] = [
        (#""kii": true"#, "kii must be an object"),
        (#""kii": "an app's key""#, "kii must be an object"),
        (#""kii": []"#, "kii must be an object"),
        (#""kii": null"#, "kii must be an object"),
        (#""kii": {}"#, "kii.app_key must be a text of 8 characters or more"),
        (#""kii": {"app_key": "7 chars"}"#, "kii.app_key must be a text of 8 characters or more"),
        (#""kii": {"app_key": ""}"#, "kii.app_key must be a text of 8 characters or more"),
        (#""kii": {"app_key": 12345678}"#, "kii.app_key must be a text of 8 characters or more"),
        (#""kii": {"app_key": null}"#, "kii.app_key must be a text of 8 characters or more"),
        (#""kii": {"api_key": "an app's key"}"#, "kii.app_key must be a text of 8 characters or more"),
        (#""kii": {"app_key_sha256": "0f"}"#, "kii.app_key_sha256 must be 64 hexadecimal digits"),
        (#""kii": {"app_key_sha256": "\#(hash)0"}"#, "kii.app_key_sha256 must be 64 hexadecimal digits"),
        (
            #""kii": {"app_key_sha256": "\#(String(repeating: "xy", count: 32))"}"#,
            "kii.app_key_sha256 must be 64 hexadecimal digits"
        ),
        (
            #""kii": {"app_key": "an app's key", "app_key_sha256": "\#(hash)"}"#,
            "kii.app_key and kii.app_key_sha256 exclude each other"
        ),
        (#""kii": {"app_key": "an app's key", "verify_phone": 1}"#, "kii.verify_phone must be true or false"),
        (#""kii": {"app_key": "an app's key", "verify_phone": "true"}"#, "kii.verify_phone must be true or false"),
        (#""kii": {"app_key": "an app's key", "verify_email": null}"#, "kii.verify_email must be true or false"),
        (
            #""kii": {"app_key": "an app's key", "completion_messages": []}"#,
            "kii.completion_messages must be true or false"
        ),
        (#""monaca": 1"#, "monaca must be an object"),
        (#""monaca": {}"#, "monaca.api_key must be a text of 8 characters or more"),
        (#""monaca": {"app_key": "an api key"}"#, "monaca.api_key must be a text of 8 characters or more"),
        (#""monaca": {"api_key": "short"}"#, "monaca.api_key must be a text of 8 characters or more"),
        (
            #""monaca": {"api_key": "an api key", "api_key_sha256": "\#(hash)"}"#,
            "monaca.api_key and monaca.api_key_sha256 exclude each other"
        ),
        (#""monaca": {"api_key": "an api key", "auto_login": "no"}"#, "monaca.auto_login must be true or false"),
        (
            #""monaca": {"api_key": "an api key", "minimum_username_length": 0}"#,
            "monaca.minimum_username_length must be an integer from 1 to 255"
        ),
        (
            #""monaca": {"api_key": "an api key", "minimum_username_length": 256}"#,
            "monaca.minimum_username_length must be an integer from 1 to 255"
        ),
        (
            #""monaca": {"api_key": "an api key", "minimum_username_length": "3"}"#,
            "monaca.minimum_username_length must be an integer from 1 to 255"
        ),
        (
            #""monaca": {"api_key": "an api key", "minimum_password_length": 81}"#,
            "monaca.minimum_password_length must be an integer from 1 to 80"
        ),
        (
            #""monaca": {"api_key": "an api key", "minimum_password_length": 8.5}"#,
            "monaca.minimum_password_length must be an integer from 1 to 80"
        ),
    ]

    @Test(arguments: problems)
    func `a mistake is told with its member, and no client is taken`(_ row: (members: String, reason: String)) {
        do throws(ClientFile.Failure) {
            _ = try read(row.members)
            Issue.record("the file must not be taken")
        } catch {
            #expect(error.problems.first?.description == #"line 4: client "g": \#(row.reason)"#)
        }
    }

    @Test func `two sections with mistakes are told of both`() {
        do throws(ClientFile.Failure) {
            _ = try read(#""kii": {}, "monaca": {"auto_login": 1}"#)
            Issue.record("the file must not be taken")
        } catch {
            #expect(error.problems.count == 3)
        }
    }

    @Test(
        arguments: [
            (#""kii": {"app_key": "an app's key", "verifyPhone": true}"#, #"unknown member "kii.verifyPhone""#),
            (#""monaca": {"api_key": "an api key", "app_key": "x"}"#, #"unknown member "monaca.app_key""#),
        ])
    func `a slip of the pen is told, and ignored`(_ members: String, _ warning: String) throws {
        #expect(try read(members).warnings.map(\.description) == [#"line 4: client "g": \#(warning)"#])
    }
}
