import Foundation
import OAuth
import PhoneLogin
import RateLimiting
import TestSupport
import Testing

@testable import denwa

@Suite struct ConfigurationTests {
    private func read(
        flags: [String: String] = [:], environment: [String: String] = [:], json: String? = nil
    ) async throws -> (ServerConfiguration, warnings: [String]) {
        try await withTemporaryDirectory { folder in
            let path = "\(folder)/denwa.json"
            if let json { try json.write(toFile: path, atomically: true, encoding: .utf8) }
            return try ServerConfiguration.read(
                ConfigurationSources(flags: flags, environment: environment, file: json == nil ? nil : path))
        }
    }

    private func problems(
        flags: [String: String] = [:], environment: [String: String] = [:], json: String? = nil
    ) async throws -> [String] {
        do {
            _ = try await read(flags: flags, environment: environment, json: json)
            return []
        } catch let error as ServerConfiguration.Invalid {
            return error.problems.map(\.description)
        }
    }

    @Test func `everything has a default`() async throws {
        let (configuration, warnings) = try await read()
        #expect(configuration.port == 8080)
        #expect(configuration.issuer.url == "http://localhost:8080")
        #expect(configuration.connectors.map(\.type) == ["console"])
        #expect(configuration.isProduction == false)
        #expect(warnings == [])
    }

    @Test func `a flag beats the environment, and that beats the file`() async throws {
        let json = #"{"http": {"port": 1, "host": "192.0.2.1"}, "issuer": "http://file.example"}"#
        let environment = ["DENWA_HTTP_PORT": "2", "DENWA_ISSUER": "http://environment.example"]
        let (configuration, _) = try await read(flags: ["--http-port": "3"], environment: environment, json: json)
        #expect(configuration.port == 3)
        #expect(configuration.issuer.url == "http://environment.example")
        #expect(configuration.host == "192.0.2.1")
    }

    /// The names that other programs rely on.
    @Test(arguments: [
        ("database.url", "DENWA_DATABASE_URL"), ("limits.sendPerIP", "DENWA_LIMITS_SEND_PER_IP"),
        ("limits.resendCooldownSeconds", "DENWA_LIMITS_RESEND_COOLDOWN_SECONDS"),
        ("phone.guessesPerNumberPerHour", "DENWA_PHONE_GUESSES_PER_NUMBER_PER_HOUR"),
        ("messaging.outboxFile", "DENWA_MESSAGING_OUTBOX_FILE"), ("http.trustedProxies", "DENWA_HTTP_TRUSTED_PROXIES"),
    ])
    func `a setting's name in the environment`(_ name: String, _ variable: String) {
        #expect(ConfigurationKey.named(name)?.environmentName == variable)
    }

    @Test func `every setting is read from its variable under the name that the reference shows`() async throws {
        // A value that no setting takes: each one that reports it was read.
        for key in ConfigurationKey.all where [.integer, .limit, .flag].contains(key.kind) {
            let problems = try await problems(environment: [key.environmentName: "nonsense"])
            #expect(problems.count == 1 && problems[0].hasPrefix(key.environmentName), "\(key.name)")
            #expect(try await self.problems(flags: [key.flagName: "nonsense"]).count == 1, "\(key.name)")
        }
    }

    @Test func `all problems are told at once`() async throws {
        let json = """
            {"http": {"port": "eighty"}, "phone": {"codeLength": 99, "allowedCountries": ["Japan"]},
             "limits": {"sendPerIP": "many"}, "messaging": {"connectors": [{"type": "pigeon"}]}}
            """
        #expect(try await problems(json: json).count == 5)
    }

    @Test(arguments: [
        #"{"database": {"url": "mysql://x"}}"#, #"{"issuer": "ftp://x"}"#, #"{"issuer": "https://x.example/?a=b"}"#,
        #"{"messaging": {"connectors": []}}"#, #"{"messaging": {"connectors": [{"type": "file"}]}}"#,
        #"{"http": {"trustedProxies": ["proxy.example"]}}"#, #"{"log": {"level": "loud"}}"#, "{", "[]]",
        #"{"tokens": {"accessLifetimeSeconds": 0}}"#, #"{"production": "yes"}"#,
    ])
    func `a value that cannot be used is a problem`(_ json: String) async throws {
        #expect(try await problems(json: json).count == 1)
    }

    @Test func `a setting that does not exist is warned about`() async throws {
        let (_, warnings) = try await read(
            environment: ["DENWA_HTTP_PROT": "1", "PATH": "/bin"], json: #"{"http": {"prot": 1}, "phones": {}}"#)
        #expect(warnings.count == 3)
    }

    @Test func `zero switches a limit off`() async throws {
        let (configuration, _) = try await read(
            environment: ["DENWA_LIMITS_SEND_PER_IP": "0"], json: #"{"limits": {"sendPerClient": 0}}"#)
        #expect(configuration.phone.sendPerIP == nil)
        #expect(configuration.phone.sendPerClient == nil)
        #expect(configuration.phone.sendPerNumber?.count == 5)
    }

    @Test func `an outbox file takes the console's place`() async throws {
        let (configuration, _) = try await read(environment: ["DENWA_MESSAGING_OUTBOX_FILE": "/tmp/x"])
        #expect(configuration.connectors.map(\.type) == ["file"])
    }

    @Test(arguments: [
        ("https://login.example", true), ("https://localhost:8443", false), ("http://login.example", false),
    ])
    func `a public https issuer is production`(_ issuer: String, _ isProduction: Bool) async throws {
        #expect(try await read(flags: ["--issuer": issuer]).0.isProduction == isProduction)
    }

    @Test func `production names everything that is only fit for development`() async throws {
        try await withTemporaryDirectory { folder in
            var (configuration, _) = try await read(flags: ["--production": "true"])
            configuration.keysDirectory = "\(folder)/keys"
            configuration.clientsFile = "\(folder)/clients.json"
            let clients = """
                {"clients": [
                    {"client_id": "a", "client_secret": "plaintext", "redirect_uris": ["http://a.example/cb"]},
                    {"client_id": "b", "token_endpoint_auth_method": "private_key_jwt", "redirect_uris": ["https://b.example/cb"],
                     "backchannel_logout_uri": "http://b.example/logout",
                     "jwks": {"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "development",
                        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}}
                ]}
                """
            try clients.write(toFile: configuration.clientsFile, atomically: true, encoding: .utf8)
            let problems = ProductionChecks.problems(of: configuration)
            #expect(problems.count == 7)
            for word in ["issuer", "connectors", "keys", "client_secret", "http outside", "b.example/logout", "guides"]
            {
                #expect(problems.contains { $0.contains(word) }, "\(word)")
            }
        }
    }

    @Test func `flags and the command's own arguments are told apart`() {
        let invocation = Invocation([
            "--http-port", "9000", "keys", "--production", "generate", "--config", "x.json", "--algorithm", "RS256",
            "--issuer=https://a.example",
        ])
        #expect(invocation.arguments == ["keys", "generate", "--algorithm", "RS256"])
        #expect(
            invocation.settings == [
                "--http-port": "9000", "--production": "true", "--issuer": "https://a.example",
            ])
        #expect(invocation.configurationFile == "x.json")
    }
}
