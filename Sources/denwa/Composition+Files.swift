import JOSE
import Logging
import Messaging
import OAuth
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What the server is made of that stands in files: clients, logos, templates.
extension Composition {
    static func readClients(
        _ configuration: ServerConfiguration, secret: [UInt8], logger: Logger
    ) throws -> [Client] {
        let path = configuration.clientsFile
        guard let data = FileManager.default.contents(atPath: path) else {
            throw StartProblem("\(path): cannot be read")
        }
        do {
            let file = try ClientFile(parsing: Array(data))
            for warning in file.warnings { logger.warning("\(path): \(warning)") }
            return try file.clients.map { client in
                var client = client
                client.logo = try client.logoFile.map { try LogoFile.read($0, namedIn: path) }
                if let sealed = client.sealedSecret { client.secretKey = try Self.open(sealed, of: client, secret) }
                // A reload must not bring in what a start would have refused.
                if client.testNumbers.contains(where: { !configuration.allows($0) }) {
                    logger.warning("\(path): test numbers that phone.testNumbers does not name are ignored")
                    client.testNumbers.removeAll { !configuration.allows($0) }
                }
                return client
            }
        } catch let error as ClientFile.Failure {
            throw StartProblem(error.problems.map { "\(path): \($0)" }.joined(separator: "; "))
        }
    }

    static func open(_ sealed: String, of client: Client, _ secret: [UInt8]) throws -> JWSKey {
        guard let key = ClientSecretSeal(secret: secret).open(sealed).flatMap(JWSKey.init(clientSecret:)) else {
            throw StartProblem(
                "client \"\(client.id.rawValue)\": client_secret_sealed was not made with this server's keys")
        }
        return key
    }

    static func brand(_ configuration: ServerConfiguration) throws -> ServerBrand {
        var brand = ServerBrand()
        brand.name = configuration.brandName
        brand.color = configuration.brandColor
        brand.logo = try configuration.brandLogoFile.map { try LogoFile.read($0, namedIn: "") }
        return brand
    }

    static func readTemplates(_ configuration: ServerConfiguration) throws -> TemplateCatalogue {
        guard let path = configuration.templatesFile else { return TemplateCatalogue() }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw StartProblem("\(path): cannot be read")
        }
        do { return try TemplateFile.catalogue(parsing: Array(data)) } catch {
            throw StartProblem(error.problems.map { "\(path): \($0)" }.joined(separator: "; "))
        }
    }

    /// Each also shown in the inbox, where there is one.
    static func connectors(
        _ configuration: ServerConfiguration, inbox: DevelopmentInbox?
    ) -> [ConfiguredConnector] {
        guard let inbox else { return configuration.connectors }
        return configuration.connectors.map { $0.wrapping { InboxConnector(inbox: inbox, next: $0) } }
    }
}
