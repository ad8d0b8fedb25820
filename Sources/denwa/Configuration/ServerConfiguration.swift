import AccountManagement
import Accounts
import InternetAddresses
import JOSE
import Logging
import Messaging
import OAuth
import PhoneLogin
import PlayFab
import RateLimiting
import Web

/// Everything a server needs to know before it starts, checked.
struct ServerConfiguration: Sendable {
    enum LogFormat: String, Sendable { case text, json }

    var host = "127.0.0.1"
    var port = 8080
    /// How long it goes on answering after SIGTERM, so that a load balancer can see that it is not ready.
    var drainSeconds = 0
    /// PEM files, when TLS ends here.
    var tls: TLSFiles?
    var trustedProxies: [IPNetwork] = []
    var forwardedHeader = TrustedProxies.Header.xForwardedFor
    var clientCertificates = ClientCertificates.none
    /// Whether DPoP proofs must hold a nonce of this server.
    var requiresDPoPNonce = false
    var issuer: Issuer
    var isProduction = false
    var database = DatabaseLocation.sqlite(path: "var/denwa.sqlite")
    var keysDirectory = "keys"
    var clientsFile = "clients.json"
    var connectors: [ConfiguredConnector] = []
    /// `nil`: the built-in words.
    var templatesFile: String?
    var phone = PhoneLoginSettings()
    var guardSettings = GuardSettings()
    var playFab: PlayFab.Settings?
    /// Clients' test numbers that production allows.
    var allowedTestNumbers: Set<String> = []
    var accounts = AccountSettings()
    var registration = RegistrationSettings()
    /// Whether a client may be the URL of a document about itself.
    var readsClientDocuments = false
    /// Where clients' own servers may be asked though the addresses are not public.
    var clientNetworks: [IPNetwork] = []
    /// What all password hashes under way may take together.
    var hashingMemoryMegabytes = 128
    var maximumWaitingHashes = 100
    var tokens = TokenSettings()
    var device = DeviceSettings()
    var sessions = SessionSettings()
    var maximumRevocationStreams = 100
    var brandName = "Denwa"
    var brandLogoFile: String?
    var brandColor: BrandColor?
    var tokenPerClient = Limit(count: 6000, windowSeconds: 60)
    /// How old a resource server's knowledge of a token may be; 0: it asks every time.
    var introspectionCacheSeconds = 0
    var proofPerIP = Limit(count: 3000, windowSeconds: 60)
    var pushPerIP = Limit(count: 600, windowSeconds: 60)
    var pushPerClient = Limit(count: 6000, windowSeconds: 60)
    var authorizePerSession = Limit(count: 60, windowSeconds: 60)
    var developerLogRetentionDays = 90
    /// `nil`: no metrics.
    var metricsPort: Int?
    var logLevel = Logger.Level.info
    /// `nil`: text on a terminal, else JSON.
    var logFormat: LogFormat?

    var metadataFeatures: ServerMetadata.Features {
        var features = ServerMetadata.Features()
        features.seesCertificates = clientCertificates.areSeen
        features.registersClients = registration.mode != .off
        features.readsClientDocuments = readsClientDocuments
        return features
    }

    func allows(_ number: TestNumber) -> Bool { !isProduction || allowedTestNumbers.contains(number.number) }

    struct TLSFiles: Sendable, Equatable {
        let certificate: String
        let privateKey: String
    }

    struct Invalid: Error, Sendable {
        let problems: [ConfigurationProblem]
    }

    static func read(_ sources: ConfigurationSources) throws(Invalid) -> (ServerConfiguration, warnings: [String]) {
        var reader = ConfigurationReader(sources)
        let configuration = reader.read()
        guard reader.problems.isEmpty else { throw Invalid(problems: reader.problems) }
        return (configuration, reader.warnings)
    }
}
