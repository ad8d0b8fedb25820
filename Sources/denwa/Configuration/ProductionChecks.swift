import Cryptography
import JOSE
import Messaging
import OAuth
import PlayFab

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What must not go live: everything that is convenient on a developer's machine and dangerous elsewhere.
enum ProductionChecks {
    /// All of them at once, so that an operator mends them in one go.
    static func problems(of configuration: ServerConfiguration) -> [String] {
        issuerProblems(configuration) + connectorProblems(configuration) + keyProblems(configuration)
            + clientProblems(configuration)
    }

    private static func issuerProblems(_ configuration: ServerConfiguration) -> [String] {
        guard !configuration.issuer.isSecure || configuration.issuer.isLoopback else { return [] }
        return ["issuer is \(configuration.issuer.url): production needs a public https URL"]
    }

    private static func connectorProblems(_ configuration: ServerConfiguration) -> [String] {
        configuration.connectors.flatMap { connector -> [String] in
            if connector.isForDevelopment { return ["messaging.connectors: \(connector.type) is for development"] }
            let isOpen =
                (connector.connector as? any HTTPConnector)?.http.isUnencrypted
                ?? (connector.connector as? SMTPConnector)?.isUnencrypted ?? false
            return isOpen ? ["messaging.connectors: \"\(connector.name)\" sends texts unencrypted"] : []
        } + playFabProblems(configuration)
    }

    private static func playFabProblems(_ configuration: ServerConfiguration) -> [String] {
        guard let base = configuration.playFab.flatMap({ Issuer($0.baseURL) }), !base.isSecure, !base.isLoopback else {
            return []
        }
        return ["playfab.baseURL is http: its secret key would travel unencrypted"]
    }

    private static func keyProblems(_ configuration: ServerConfiguration) -> [String] {
        let directory = KeyDirectory(path: configuration.keysDirectory, entropy: .system)
        guard !directory.isEmpty else {
            return [
                "\(configuration.keysDirectory) has no keys: make them with `denwa keys generate --algorithm ES256`"
            ]
        }
        do {
            _ = try directory.load()
            _ = try directory.secret()
            return try directory.readableByOthers().map { "\($0) can be read by other users: chmod 600" }
        } catch {
            return ["\(error)"]
        }
    }

    /// The `kid` of keys whose private half stands in the guides.
    private static let developmentKey = "development"

    private static func clientProblems(_ configuration: ServerConfiguration) -> [String] {
        let path = configuration.clientsFile
        guard let data = FileManager.default.contents(atPath: path) else { return ["\(path) cannot be read"] }
        let file: ClientFile
        do throws(ClientFile.Failure) { file = try ClientFile(parsing: Array(data)) } catch {
            return error.problems.map { "\(path): \($0)" }
        }
        return file.clients.flatMap { client -> [String] in
            var problems: [String] = []
            if client.hasPlaintextSecret {
                problems.append(
                    "client \"\(client.id.rawValue)\": client_secret is readable, use client_secret_sha256 "
                        + "(`denwa clients secret` makes one)")
            }
            if client.kii?.hasPlaintextKey == true || client.monaca?.hasPlaintextKey == true {
                problems.append(
                    "client \"\(client.id.rawValue)\": an app_key or api_key is readable, use app_key_sha256 or "
                        + "api_key_sha256")
            }
            let addresses =
                client.redirectURIs + client.postLogoutRedirectURIs + client.linkURIs
                + client.corsOrigins.compactMap { RedirectURI($0) }
            for uri in addresses where !uri.isAllowedInProduction {
                problems.append("client \"\(client.id.rawValue)\": \(uri.text) is http outside this machine")
            }
            if let uri = client.backchannelLogoutURI.flatMap({ RedirectURI($0) }), !uri.isAllowedInProduction {
                problems.append("client \"\(client.id.rawValue)\": \(uri.text) is http outside this machine")
            }
            if case .inline(let keys)? = client.keys, keys.contains(where: { $0.kid == developmentKey }) {
                problems.append(
                    "client \"\(client.id.rawValue)\": the key \(developmentKey) is that of the guides, known to everybody"
                )
            }
            for number in client.testNumbers where !configuration.allows(number) {
                problems.append(
                    "client \"\(client.id.rawValue)\": a test number is not named in phone.testNumbers")
            }
            return problems
        }
    }
}
