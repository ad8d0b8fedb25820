import ArgumentParser
import Cryptography
import JOSE
import OAuth

struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Check the configuration and list the settings.",
        subcommands: [Check.self, Reference.self], defaultSubcommand: Check.self)

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read the configuration and say everything that is wrong with it.")

        func run() async throws {
            let (configuration, warnings) = try Invocation.current.configuration()
            for warning in warnings { print("warning: \(warning)") }
            if configuration.isProduction {
                let problems = ProductionChecks.problems(of: configuration)
                guard problems.isEmpty else {
                    throw Failure(
                        problems.map { "  - \($0)" }, heading: "Not fit for production:",
                        advice: "Mend these, or set production to false for development.")
                }
            }
            try Self.checkClients(configuration)
            let mode = configuration.isProduction ? "production" : "development"
            print("The configuration is fine (\(mode), issuer \(configuration.issuer.url)).")
        }

        /// The clients and, once there are keys, whether each client's tokens can be signed.
        private static func checkClients(_ configuration: ServerConfiguration) throws {
            let (file, path) = try ClientsCommand.file()
            for warning in file.warnings { print("warning: \(path), \(warning)") }
            let directory = KeyDirectory(path: configuration.keysDirectory, entropy: .system)
            var problems = LogoFile.problems(of: file.clients, namedIn: path)
            if !directory.isEmpty {
                problems += MissingKeys.problems(clients: file.clients, active: try directory.load().active)
            }
            if let logo = configuration.brandLogoFile {
                do { _ = try LogoFile.read(logo, namedIn: "") } catch { problems.append("branding.logoFile: \(error)") }
            }
            do { _ = try Composition.readTemplates(configuration) } catch { problems.append("\(error)") }
            guard problems.isEmpty else { throw Failure(problems.joined(separator: "\n")) }
        }
    }

    struct Reference: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Print all settings as a Markdown table.")
        @Flag(help: "Print JSON.") var json = false

        func run() async throws { print(json ? Self.json.serializedText : Self.table, terminator: json ? "\n" : "") }

        static var table: String {
            let rows = ConfigurationKey.all.map { key in
                let fallback = key.fallback.isEmpty ? "" : "`\(key.fallback)`"
                return
                    "| `\(key.name)` | `\(key.environmentName)` | \(key.kind.rawValue) | \(fallback) | \(key.help) |\n"
            }
            return "| setting | environment | kind | default | meaning |\n|---|---|---|---|---|\n" + rows.joined()
        }

        private static var json: JSONValue {
            .array(
                ConfigurationKey.all.map { key in
                    [
                        "name": .string(key.name), "environment": .string(key.environmentName),
                        "flag": .string(key.flagName), "kind": .string(key.kind.rawValue),
                        "default": .string(key.fallback), "meaning": .string(key.help), "secret": .bool(key.isSecret),
                    ]
                })
        }
    }
}
