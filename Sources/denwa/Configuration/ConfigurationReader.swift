import AccountManagement
import Accounts
import Cryptography
import InternetAddresses
import JOSE
import Logging
import Messaging
import OAuth
import PhoneLogin
import PlayFab
import PostgresDriver
import RateLimiting
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Turns texts from the sources into a `ServerConfiguration`.
struct ConfigurationReader {
    var sources: ConfigurationSources

    init(_ sources: ConfigurationSources) { self.sources = sources }

    var problems: [ConfigurationProblem] { sources.problems }
    var warnings: [String] { sources.warnings + connectorWarnings }
    private var connectorWarnings: [String] = []

    mutating func read() -> ServerConfiguration {
        let port = integer("http.port", 8080, in: 0...65535)
        let issuer = issuer(port: port)
        var configuration = ServerConfiguration(issuer: issuer)
        configuration.port = port
        configuration.host = text("http.host", configuration.host)
        configuration.trustedProxies = networks("http.trustedProxies")
        configuration.forwardedHeader = choice("http.forwardedHeader", configuration.forwardedHeader)
        if let (name, source) = sources.text("http.clientCertificateHeader") {
            if let certificates = ClientCertificates(headerName: name) {
                configuration.clientCertificates = certificates
            } else {
                sources.report("\(source) must be the name of a header")
            }
        }
        configuration.tls = tls()
        configuration.clientCertificates.areShownHere = configuration.tls != nil
        configuration.introspectionCacheSeconds = integer("introspection.cacheSeconds", 0, in: 0...3600)
        configuration.requiresDPoPNonce = flag("dpop.requireNonce") ?? false
        // A public https issuer is production, whatever else was forgotten.
        configuration.isProduction = flag("production") ?? (issuer.isSecure && !issuer.isLoopback)
        configuration.drainSeconds = integer("http.drainSeconds", 0, in: 0...300)
        configuration.database = database(configuration.database)
        configuration.keysDirectory = text("keys.directory", configuration.keysDirectory)
        configuration.clientsFile = text("clients.file", configuration.clientsFile)
        configuration.connectors = connectors(issuer: issuer)
        configuration.templatesFile = sources.text("messaging.templatesFile")?.value
        configuration.phone = phone()
        configuration.guardSettings = guardSettings()
        configuration.playFab = playFab()
        configuration.allowedTestNumbers = Set(list("phone.testNumbers"))
        configuration.accounts = accounts()
        configuration.registration = registration()
        configuration.readsClientDocuments = flag("clientMetadata.enabled") ?? false
        configuration.clientNetworks = networks("clientMetadata.allowedNetworks")
        configuration.accounts.requestCooldownSeconds = configuration.phone.resendCooldownSeconds
        configuration.phone.numberIdleSeconds = seconds("accounts.numberIdleDays", 365, in: 0...36_500, unit: 86_400)
        configuration.hashingMemoryMegabytes = integer(
            "passwords.hashingMemoryMegabytes", configuration.hashingMemoryMegabytes, in: 33...65_536)
        configuration.maximumWaitingHashes = integer(
            "passwords.maxWaiting", configuration.maximumWaitingHashes, in: 0...100_000)
        configuration.tokens = tokens()
        configuration.device = device()
        configuration.sessions = sessions()
        configuration.maximumRevocationStreams = integer(
            "revocations.maxStreams", configuration.maximumRevocationStreams, in: 0...10_000)
        configuration.brandName = text("branding.name", configuration.brandName)
        configuration.brandLogoFile = sources.text("branding.logoFile")?.value
        configuration.brandColor = color("branding.color")
        configuration.tokenPerClient = limit("limits.tokenPerClient", configuration.tokenPerClient)
        configuration.proofPerIP = limit("limits.proofPerIP", configuration.proofPerIP)
        configuration.pushPerIP = limit("limits.pushPerIP", configuration.pushPerIP)
        configuration.pushPerClient = limit("limits.pushPerClient", configuration.pushPerClient)
        configuration.authorizePerSession = limit("limits.authorizePerSession", configuration.authorizePerSession)
        configuration.developerLogRetentionDays = integer("developerLog.retentionDays", 90, in: 1...3650)
        let metricsPort = integer("metrics.port", 0, in: 0...65535)
        configuration.metricsPort = metricsPort == 0 ? nil : metricsPort
        configuration.logLevel = choice("log.level", Logger.Level.info)
        configuration.logFormat = optionalChoice("log.format")
        return configuration
    }

    private mutating func tls() -> ServerConfiguration.TLSFiles? {
        let (certificate, key) = (sources.text("tls.certificateFile")?.value, sources.text("tls.privateKeyFile")?.value)
        guard let certificate, let key else {
            if certificate != nil || key != nil {
                sources.report("tls.certificateFile and tls.privateKeyFile are needed together")
            }
            return nil
        }
        return ServerConfiguration.TLSFiles(certificate: certificate, privateKey: key)
    }

    private mutating func issuer(port: Int) -> Issuer {
        guard let (url, source) = sources.text("issuer") else {
            if port == 0 { sources.report("http.port 0 takes any free port, so the issuer must be set") }
            return .localhost(port: port)
        }
        guard let issuer = Issuer(url) else {
            sources.report("\(source) must be an http or https URL without query or fragment")
            return .localhost(port: port)
        }
        return issuer
    }

    private mutating func phone() -> PhoneLoginSettings {
        var phone = PhoneLoginSettings()
        phone.codeLength = integer("phone.codeLength", phone.codeLength, in: 4...10)
        phone.codeLifetimeSeconds = integer("phone.codeLifetimeSeconds", phone.codeLifetimeSeconds, in: 1...3600)
        phone.maxGuesses = integer("phone.maxGuesses", phone.maxGuesses, in: 1...100)
        let guesses = integer("phone.guessesPerNumberPerHour", 10, in: 0...1_000_000)
        phone.guessesPerNumber = Limit(count: guesses, windowSeconds: 3600)
        phone.allowedCountries = Set(list("phone.allowedCountries").map { $0.uppercased() })
        if phone.allowedCountries.contains(where: { $0.utf8.count != 2 }) {
            sources.report("phone.allowedCountries takes ISO 3166-1 codes of two letters")
        }
        phone.resendCooldownSeconds = integer(
            "limits.resendCooldownSeconds", phone.resendCooldownSeconds, in: 0...86_400)
        phone.sendPerNumber = limit("limits.sendPerNumber", phone.sendPerNumber)
        phone.sendPerIP = limit("limits.sendPerIP", phone.sendPerIP)
        phone.sendPerClient = limit("limits.sendPerClient", phone.sendPerClient)
        phone.sendPerRange = limit("limits.sendPerRange", phone.sendPerRange)
        phone.sendPerCountry = limit("limits.sendPerCountry", phone.sendPerCountry)
        phone.confirmPerIP = limit("limits.confirmPerIP", phone.confirmPerIP)
        phone.pollPerIP = limit("limits.pollPerIP", phone.pollPerIP)
        return phone
    }

    private mutating func accounts() -> AccountSettings {
        var accounts = AccountSettings()
        accounts.undoSeconds = integer("accounts.undoHours", 72, in: 1...8760) * 3600
        accounts.emailCodeLifetimeSeconds = integer(
            "accounts.emailCodeLifetimeSeconds", accounts.emailCodeLifetimeSeconds, in: 1...86_400)
        accounts.minimumPasswordLength = integer(
            "passwords.minimumLength", accounts.minimumPasswordLength, in: 1...128)
        accounts.passwordPerIdentifier = limit("limits.passwordPerIdentifier", accounts.passwordPerIdentifier)
        accounts.passwordPerIP = limit("limits.passwordPerIP", accounts.passwordPerIP)
        accounts.registerPerIP = limit("limits.registerPerIP", accounts.registerPerIP)
        accounts.maximumKiiTokenLifetimeSeconds = seconds("kii.maxTokenLifetime", 0, in: 0...2_147_483_647, unit: 1)
        return accounts
    }

    private mutating func registration() -> RegistrationSettings {
        var registration = RegistrationSettings()
        registration.mode = choice("registration.mode", registration.mode)
        registration.initialAccessTokens = list("registration.initialAccessTokens").compactMap { text in
            guard let digest = Hex.decode(text).flatMap({ SHA256Digest(bytes: $0) }) else {
                sources.report("registration.initialAccessTokens takes SHA-256 digests of 64 hexadecimal digits")
                return nil
            }
            return digest
        }
        if registration.mode == .token, registration.initialAccessTokens.isEmpty {
            sources.report("registration.mode token needs registration.initialAccessTokens")
        }
        if let (text, source) = sources.text("registration.scope") {
            if let scope = Scope(text), !scope.isEmpty {
                registration.scope = scope
            } else {
                sources.report("\(source) must be a scope")
            }
        }
        registration.maximumClients = integer(
            "registration.maxClients", registration.maximumClients, in: 0...10_000_000)
        registration.registerClientPerIP = limit("limits.registerClientPerIP", registration.registerClientPerIP)
        return registration
    }

    /// `0`: never.
    private mutating func seconds(
        _ name: String, _ fallback: Int, in range: ClosedRange<Int>, unit: Int
    ) -> Int? {
        let count = integer(name, fallback, in: range)
        return count == 0 ? nil : count * unit
    }

    private mutating func tokens() -> TokenSettings {
        var tokens = TokenSettings()
        tokens.accessLifetimeSeconds = integer(
            "tokens.accessLifetimeSeconds", tokens.accessLifetimeSeconds, in: 1...31_536_000)
        tokens.refreshLifetimeSeconds = integer(
            "tokens.refreshLifetimeSeconds", tokens.refreshLifetimeSeconds, in: 1...315_360_000)
        tokens.codeLifetimeSeconds = integer("tokens.codeLifetimeSeconds", tokens.codeLifetimeSeconds, in: 1...600)
        tokens.refreshGraceSeconds = integer("tokens.refreshGraceSeconds", tokens.refreshGraceSeconds, in: 0...3600)
        return tokens
    }

    private mutating func device() -> DeviceSettings {
        var device = DeviceSettings()
        device.codeLifetimeSeconds = integer("device.codeLifetimeSeconds", device.codeLifetimeSeconds, in: 1...3600)
        device.intervalSeconds = integer("device.intervalSeconds", device.intervalSeconds, in: 1...60)
        device.userCodePerIP = limit("limits.userCodePerIP", device.userCodePerIP)
        device.deviceCodePerIP = limit("limits.deviceCodePerIP", device.deviceCodePerIP)
        return device
    }

    private mutating func sessions() -> SessionSettings {
        var sessions = SessionSettings()
        sessions.idleLifetimeSeconds = integer(
            "session.idleLifetimeSeconds", sessions.idleLifetimeSeconds, in: 60...31_536_000)
        sessions.lifetimeSeconds = integer(
            "session.lifetimeSeconds", sessions.lifetimeSeconds, in: 60...31_536_000)
        return sessions
    }

    private mutating func database(_ fallback: DatabaseLocation) -> DatabaseLocation {
        let connections = integer("database.connections", 16, in: 1...1000)
        let wait = integer("database.waitSeconds", 5, in: 1...60)
        let statementTimeout = integer("database.statementTimeoutSeconds", 10, in: 1...600)
        let lockTimeout = integer("database.lockTimeoutSeconds", 5, in: 1...600)
        guard let (url, source) = sources.text("database.url") else { return fallback }
        if url.hasPrefix("sqlite:"), url.utf8.count > 7 { return .sqlite(path: String(url.dropFirst(7))) }
        guard var settings = PostgresSettings(url: url) else {
            sources.report("\(source) must be sqlite: and a path, or a postgres:// URI of libpq")
            return fallback
        }
        settings.connections = connections
        settings.wait = .seconds(wait)
        settings.statementTimeout = .seconds(statementTimeout)
        settings.lockTimeout = .seconds(lockTimeout)
        return .postgres(settings)
    }

    private mutating func connectors(issuer: Issuer) -> [ConfiguredConnector] {
        let outboxFile = sources.text("messaging.outboxFile")?.value
        let entries: [JSONValue]
        if let (text, source) = sources.text("messaging.connectors") {
            guard let list = try? JSONValue(parsing: Array(text.utf8)).array, !list.isEmpty else {
                sources.report("\(source) must be a list of connectors, each with a \"type\"")
                return []
            }
            entries = list.map { entry in
                guard entry["type"]?.string == "file", entry["path"] == nil, let outboxFile,
                    var members = entry.object
                else { return entry }
                members["path"] = .string(outboxFile)
                return .object(members)
            }
        } else {
            entries = [outboxFile.map { ["type": "file", "path": .string($0)] } ?? ["type": "console"]]
        }
        // Providers cannot reach this machine's own name.
        let receiptBase = issuer.appending(ReceiptEndpoints.path)
        let reading = ConnectorCatalogue.read(
            entries, receiptBase: receiptBase, isReachable: issuer.isSecure && !issuer.isLoopback,
            environment: ProcessInfo.processInfo.environment)
        for problem in reading.problems { sources.report("messaging.connectors: \(problem)") }
        let texting = reading.connectors.filter { $0.connector.channels.contains(.sms) }
        if reading.problems.isEmpty, texting.isEmpty {
            sources.report("messaging.connectors: none of them sends text messages")
        }
        let served = texting.map(\.countries)
        if !served.contains([]) {
            let missing = list("phone.allowedCountries").map { $0.uppercased() }.filter { country in
                !served.contains { $0.contains(country) }
            }
            if !missing.isEmpty {
                connectorWarnings.append(
                    "messaging.connectors: none takes texts to \(missing.joined(separator: ", "))")
            }
        }
        connectorWarnings += reading.warnings.map { "messaging.connectors: \($0)" }
        return reading.connectors
    }

    private mutating func guardSettings() -> GuardSettings {
        var settings = GuardSettings()
        settings.mode = choice("guard.mode", settings.mode)
        settings.refusesVoIP = flag("guard.refuseVoIP") ?? settings.refusesVoIP
        settings.refusesFixedLine = flag("guard.refuseFixedLine") ?? settings.refusesFixedLine
        settings.unconfirmedPerRange = limit("guard.unconfirmedPerRange", settings.unconfirmedPerRange)
        settings.unconfirmedPerBlock = limit("guard.unconfirmedPerBlock", settings.unconfirmedPerBlock)
        settings.unconfirmedPerCountry = limit("guard.unconfirmedPerCountry", settings.unconfirmedPerCountry)
        settings.unconfirmedPerClient = limit("guard.unconfirmedPerClient", settings.unconfirmedPerClient)
        let longest = [
            settings.unconfirmedPerRange, settings.unconfirmedPerBlock, settings.unconfirmedPerCountry,
            settings.unconfirmedPerClient,
        ].compactMap(\.self).map(\.windowSeconds).max()
        if let longest, longest > 31 * 86_400 { sources.report("guard.unconfirmed… takes windows of at most 31 days") }
        settings.minimumConversionPercent = integer(
            "guard.minimumConversionPercent", settings.minimumConversionPercent, in: 1...100)
        settings.blockSeconds = integer("guard.blockSeconds", settings.blockSeconds, in: 60...31_536_000)
        settings.budget.daily = money("guard.dailyBudget", settings.budget.daily)
        settings.budget.monthly = money("guard.monthlyBudget", settings.budget.monthly)
        settings.unprovenBudget = money("guard.unprovenBudget", settings.unprovenBudget)
        settings.budgetAlertPercent = integer("guard.budgetAlertPercent", settings.budgetAlertPercent, in: 1...100)
        settings.prices = prices()
        return settings
    }

    private mutating func prices() -> PriceTable {
        guard let (text, source) = sources.text("guard.prices") else { return PriceTable() }
        guard let members = (try? JSONValue(parsing: Array(text.utf8)))?.object?.members else {
            sources.report("\(source) must be an object of ISO 3166-1 codes and prices")
            return PriceTable()
        }
        var prices: [String: Money] = [:]
        for member in members {
            let region = member.name.uppercased()
            guard region == "*" || region.utf8.count == 2,
                let price = Money(member.value.string ?? member.value.serializedText)
            else {
                sources.report(
                    "\(source): \"\(member.name)\" must be an ISO 3166-1 code or *, with a price such as 0.05")
                continue
            }
            prices[region] = price
        }
        return PriceTable(replacing: prices)
    }

    /// `0`: no limit.
    private mutating func money(_ name: String, _ fallback: Money?) -> Money? {
        guard let (value, source) = sources.text(name) else { return fallback }
        guard let money = Money(value) else {
            sources.report("\(source) must be an amount such as 20 or 12.50")
            return fallback
        }
        return money == .zero ? nil : money
    }

    private mutating func playFab() -> PlayFab.Settings? {
        let title = sources.text("playfab.titleID")?.value
        let base = sources.text("playfab.baseURL")?.value ?? title.map { "https://\($0).playfabapi.com" }
        guard let key = sources.text("playfab.secretKey")?.value else {
            if base != nil { sources.report("playfab.secretKey is missing") }
            return nil
        }
        guard let base, Issuer(base) != nil else {
            sources.report("playfab.titleID is missing, or playfab.baseURL is not an http or https URL")
            return nil
        }
        return PlayFab.Settings(secretKey: key, baseURL: base.hasSuffix("/") ? String(base.dropLast()) : base)
    }
}
