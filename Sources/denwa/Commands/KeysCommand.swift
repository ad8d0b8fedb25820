import ArgumentParser
import Cryptography
import JOSE
import Time

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "List and change signing keys.",
        discussion: """
            A running server takes changes over on SIGHUP. A new key should be `next` for a while before it \
            signs: resource servers keep the published keys for five minutes or more.
            """,
        subcommands: [List.self, Generate.self, Rotate.self, Retire.self, Import.self], defaultSubcommand: List.self)

    private static func directory() throws -> KeyDirectory {
        KeyDirectory(path: try Invocation.current.configuration().0.keysDirectory, entropy: .system)
    }

    /// Commands print what they did, for people or, with `--json`, for programs.
    struct Output: ParsableArguments {
        @Flag(help: "Print JSON.") var json = false

        func print(_ entries: [KeyDirectory.Entry]) {
            if json {
                Swift.print(JSONValue.object(["keys": .array(entries.map(Self.json))]).serializedText)
            } else {
                for entry in entries {
                    let algorithm = entry.algorithm.rawValue.padded(to: 6)
                    let status = entry.status.rawValue.padded(to: 8)
                    Swift.print("\(entry.kid.padded(to: 44)) \(algorithm) \(status) \(entry.created.internetDate)")
                }
            }
        }

        private static func json(_ entry: KeyDirectory.Entry) -> JSONValue {
            [
                "kid": .string(entry.kid), "alg": .string(entry.algorithm.rawValue),
                "status": .string(entry.status.rawValue), "created": .integer(entry.created.seconds),
            ]
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show the keys.")
        @OptionGroup var output: Output

        func run() async throws {
            let directory = try KeysCommand.directory()
            output.print(directory.isEmpty ? [] : try directory.entries())
        }
    }

    struct Generate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a key: `next`, or `active` when its algorithm has none.",
            discussion: "In an empty folder it makes one for every algorithm, as the first start does.")
        @Option(help: "ES256, RS256, EdDSA or HS256.") var algorithm: SignatureAlgorithm = .es256
        @OptionGroup var output: Output

        func run() async throws {
            let directory = try KeysCommand.directory()
            let now = WallClock.system.now()
            guard !directory.isEmpty else {
                try directory.prepare(at: now)
                output.print(try directory.entries())
                return
            }
            output.print([try directory.generate(algorithm, at: now)])
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Sign with the next key (or a new one) from now on; the active one retires.")
        @Option(help: "ES256, RS256, EdDSA or HS256.") var algorithm: SignatureAlgorithm = .es256
        @OptionGroup var output: Output

        func run() async throws {
            output.print([try KeysCommand.directory().rotate(algorithm, at: WallClock.system.now())])
        }
    }

    struct Retire: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Retire a key; a retired one is removed, and what it signed is invalid at once.")
        @Argument(help: "The key's kid.") var kid: String
        @OptionGroup var output: Output

        func run() async throws {
            let entry = try KeysCommand.directory().retire(kid: kid)
            output.print(entry.map { [$0] } ?? [])
        }
    }

    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Take over a PKCS#8 PEM key made elsewhere.")
        @Argument(help: "The PEM file.") var file: String
        @OptionGroup var output: Output

        func run() async throws {
            let directory = try KeysCommand.directory()
            let now = WallClock.system.now()
            try directory.prepare(at: now)
            output.print([try directory.importKey(pem: try PrivateFile.read(file), at: now)])
        }
    }
}

extension SignatureAlgorithm: ExpressibleByArgument {}
