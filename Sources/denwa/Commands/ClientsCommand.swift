import ArgumentParser
import Cryptography
import JOSE
import OAuth
import Storage

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

struct ClientsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clients", abstract: "Show and check the registered clients.",
        discussion: """
            Clients are registered in clients.json; a running server reads it again on SIGHUP. Those that registered \
            themselves are in the database.
            """,
        subcommands: [List.self, Show.self, Check.self, Secret.self, Delete.self], defaultSubcommand: List.self)

    static func file() throws -> (ClientFile, path: String) {
        let path = try Invocation.current.configuration().0.clientsFile
        guard let data = FileManager.default.contents(atPath: path) else { throw Failure("\(path): cannot be read") }
        do throws(ClientFile.Failure) { return (try ClientFile(parsing: Array(data)), path) } catch {
            throw Failure(error.problems.map { "\(path), \($0)" }.joined(separator: "\n"))
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show the clients.")
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let registered = try await ClientsCommand.store()?.registeredClients() ?? []
            let clients = try ClientsCommand.file().0.clients + registered.compactMap(\.client)
            if json {
                print(JSONValue.object(["clients": .array(clients.map(Self.json))]).serializedText)
            } else {
                for client in clients {
                    let kind = client.isPublic ? "public" : "confidential"
                    let origin = client.isSelfDescribed ? "registered itself" : "file"
                    print(
                        "\(client.id.rawValue.padded(to: 32)) \(kind.padded(to: 13)) \(origin.padded(to: 18)) "
                            + client.name)
                }
            }
        }

        private static func json(_ client: Client) -> JSONValue {
            [
                "client_id": .string(client.id.rawValue),
                "client_name": .string(client.name),
                "token_endpoint_auth_method": .string(client.authenticationMethod.rawValue),
                "grant_types": .array(client.grantTypes.map(\.rawValue).sorted().map(JSONValue.string)),
                "redirect_uris": .array(client.redirectURIs.map { .string($0.text) }),
                "audience": .array(client.audience.map(JSONValue.string)),
                "may_introspect": .bool(client.mayIntrospect),
                "self_described": .bool(client.isSelfDescribed),
            ]
        }
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Read the file and say what is wrong with it.")

        func run() async throws {
            let (file, path) = try ClientsCommand.file()
            for warning in file.warnings { print("warning: \(path), \(warning)") }
            let problems = LogoFile.problems(of: file.clients, namedIn: path)
            guard problems.isEmpty else { throw Failure(problems.joined(separator: "\n")) }
            print("\(path): \(file.clients.count) clients, no problem")
        }
    }

    struct Secret: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a client secret and what registers it.",
            discussion: "Also makes tokens for registration.initialAccessTokens, which takes the SHA-256.")
        @Flag(help: "For client_secret_jwt, which needs the secret itself: sealed with the keys of this server.")
        var sealed = false
        @Flag(help: "Print JSON.") var json = false

        func run() async throws {
            let secret = Entropy.system.token()
            let (name, value) =
                sealed
                ? ("client_secret_sealed", try Self.seal(secret))
                : ("client_secret_sha256", Hex.encode(SHA256Digest(of: secret).bytes))
            if json {
                print(JSONValue.object(["client_secret": .string(secret), name: .string(value)]).serializedText)
            } else {
                print("For the client, shown only here:  \(secret)")
                print("For clients.json:                 \"\(name)\": \"\(value)\"")
            }
        }

        private static func seal(_ secret: String) throws -> String {
            let path = try Invocation.current.configuration().0.keysDirectory
            let key = try KeyDirectory(path: path, entropy: .system).secret()
            return ClientSecretSeal(secret: key).seal(secret, entropy: .system)
        }
    }
}
