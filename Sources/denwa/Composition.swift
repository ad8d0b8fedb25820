import Accounts
import ClientServers
import Cryptography
import DeveloperLog
import Hummingbird
import JOSE
import Logging
import Messaging
import NIOPosix
import OAuth
import PhoneLogin
import PlayFab
import RateLimiting
import ServiceLifecycle
import Storage
import Time
import Web

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The whole server, put together: the only place that knows every part. The program and the tests use it alike.
struct Composition: Sendable {
    let responder: RouterResponder<DenwaRequestContext>
    /// Method and path of every route: `GET /users/me`.
    let routes: [String]
    let store: SQLStore
    let registry: ClientRegistry
    let keys: KeySet
    let delivery: MessageDelivery
    let logoutDelivery: BackChannelLogoutDelivery
    private let revocations: RevocationFeed
    private let linkWaiting = LinkWaiting()
    let draining: Draining
    private let templates: MessageTemplates
    /// What the metrics port answers; `nil` without one.
    let metricsResponder: RouterResponder<DenwaRequestContext>?
    private let configuration: ServerConfiguration
    private let keyDirectory: KeyDirectory
    private let clock: WallClock
    private let logger: Logger

    /// Opens or makes the database, the keys and the client list.
    ///
    /// - Parameter engine: wraps the database, for tests that watch how it is used.
    init(
        _ configuration: ServerConfiguration, clock: WallClock = .system, entropy: Entropy = .system, logger: Logger,
        engine: (any SQLEngine) -> any SQLEngine = { $0 }
    ) async throws {
        self.configuration = configuration
        self.clock = clock
        self.logger = logger
        let now = clock.now()

        keyDirectory = KeyDirectory(path: configuration.keysDirectory, entropy: entropy)
        try keyDirectory.prepare(at: now)
        let secret = try keyDirectory.secret()
        let loaded = try keyDirectory.load()
        keys = KeySet(keys: loaded.keys, active: loaded.active)
        let clients = try Self.readClients(configuration, secret: secret, logger: logger)
        try Self.refuseMissingKeys(clients, loaded.active)
        store = SQLStore(engine: engine(try await configuration.database.open()))
        try await store.migrate(at: now)
        let (clientServers, strangersServers) = (Self.clientServers(configuration), Self.clientServers(configuration))
        registry = ClientRegistry(
            clients, builtIn: .accountPage(name: configuration.brandName, issuer: configuration.issuer),
            registered: store, documents: Self.documents(configuration, strangersServers, log: store))

        let doorbell = Doorbell()
        let inbox = configuration.isProduction ? nil : DevelopmentInbox()
        templates = MessageTemplates(try Self.readTemplates(configuration))
        let routing = MessageRouting(Self.connectors(configuration, inbox: inbox), entropy: entropy)
        delivery = MessageDelivery(
            store: store, seal: MessageSeal(secret: secret, entropy: entropy), routing: routing, doorbell: doorbell,
            clock: clock, entropy: entropy, logger: logger)

        let subjects = SubjectIdentifiers(secret: secret)
        logoutDelivery = BackChannelLogoutDelivery(
            store: store, client: { [registry] in try await registry.recall($0, at: clock.now()) },
            tokens: LogoutTokenIssuer(
                issuer: configuration.issuer, keys: keys, subjects: subjects, entropy: entropy),
            post: ClientsLogoutPost(operators: clientServers, strangers: strangersServers), clock: clock,
            entropy: entropy, logger: logger)
        revocations = RevocationFeed(store: store, maximum: configuration.maximumRevocationStreams)
        draining = Draining(seconds: configuration.drainSeconds) { [linkWaiting, revocations] in
            linkWaiting.letGo()
            revocations.endAll()
        }

        let proofs = DPoPProofCheck(
            issuer: configuration.issuer, identifiers: store, nonces: DPoPNonces(secret: secret),
            requiresNonce: configuration.requiresDPoPNonce,
            limitPerAddress: configuration.proofPerIP)
        let edge = Edge(
            clock: clock,
            trustedProxies: TrustedProxies(configuration.trustedProxies, header: configuration.forwardedHeader),
            clientCertificates: configuration.clientCertificates,
            nonces: proofs.requiresNonce ? proofs.nonces : nil)
        let router = Router(context: DenwaRequestContext.self, options: .autoGenerateHeadEndpoints)
        metricsResponder = configuration.metricsPort.map { _ in
            let metrics = RequestMetrics()
            router.add(middleware: RequestCounting(metrics: metrics))
            let metricsRouter = Router(context: DenwaRequestContext.self)
            metricsRouter.add(middleware: LastResort())
            MetricsEndpoint(requests: metrics, routing: routing).add(to: metricsRouter)
            return metricsRouter.buildResponder()
        }
        let brand = try Self.brand(configuration)
        let library = try PageLibrary(brand: brand)
        let regions = try RegionList(allowed: configuration.phone.allowedCountries)
        let pages = SignInPages(library: library, regions: regions, settings: configuration.phone)
        router.add(middleware: LastResort(pages: pages))
        router.add(middleware: AccessLog())
        router.add(middleware: CrossOrigin(registry: registry))
        let flow = PhoneLoginFlow(
            registry: registry, store: store, log: store, settings: configuration.phone,
            sessions: configuration.sessions, issuer: configuration.issuer,
            authorizationCodeLifetimeSeconds: configuration.tokens.codeLifetimeSeconds, secret: secret,
            sendingGuard: SendingGuard(configuration.guardSettings), routing: routing, templates: templates,
            doorbell: doorbell, waiting: linkWaiting, entropy: entropy)
        PhoneLoginEndpoints(flow: flow, edge: edge).add(to: router)
        MagicLinkEndpoints(flow: flow, edge: edge).add(to: router)
        ReceiptEndpoints(
            routing: routing, store: store, log: store, doorbell: doorbell, issuer: configuration.issuer, edge: edge
        ).add(to: router)
        let parts = Parts(
            configuration: configuration, registry: registry, keys: keys, store: store, secret: secret,
            subjects: subjects,
            playFab: PlayFab(configuration.playFab, logger: logger),
            clientKeys: FetchedClientKeys(fetch: clientServers, strangersFetch: strangersServers), proofs: proofs,
            entropy: entropy, edge: edge)
        let accounts = Self.accounts(
            parts, phone: flow, routing: routing, templates: templates, doorbell: doorbell)
        Self.addOAuth(to: router, parts)
        Self.addRegistration(to: router, parts)
        ChallengeEndpoints(
            endpoint: ChallengeEndpoint(
                flow: flow, authenticator: Self.authenticator(parts), proofs: ProofOfPossession(dpop: parts.proofs),
                pushed: Self.pushed(parts)),
            edge: edge
        ).add(to: router)
        RevocationStreamEndpoint(authenticator: Self.authenticator(parts), feed: revocations, edge: edge)
            .add(to: router)
        Self.addServices(to: router, parts, accounts: accounts)
        Self.addPages(to: router, parts, pages: pages, brand: brand, flow: flow)
        Self.addDeviceFlow(to: router, parts, signInPages: pages, library: library)
        Self.addAccountPages(
            to: router, parts, accounts: accounts, signInPages: pages,
            pages: AccountPages(
                library: library, regions: regions, phone: configuration.phone, registry: registry))
        HealthEndpoints(isReady: { [store, draining] in
            if draining.isUnderWay { return false }
            return await store.isReachable()
        }).add(to: router)
        if let inbox {
            DevelopmentInboxPage(inbox: inbox, issuer: configuration.issuer).add(to: router)
            DemoPage().add(to: router)
        }
        try OpenAPIEndpoint(issuer: configuration.issuer).add(to: router)
        routes = router.routes.map(\.description)
        responder = router.buildResponder()
    }

    /// What more than one group of routes is made of.
    struct Parts {
        let configuration: ServerConfiguration
        let registry: ClientRegistry
        let keys: KeySet
        let store: SQLStore
        let secret: [UInt8]
        let subjects: SubjectIdentifiers
        let playFab: PlayFab
        let clientKeys: any ClientKeySource
        let proofs: DPoPProofCheck
        let entropy: Entropy
        let edge: Edge
    }

    private static func addPages(
        to router: Router<DenwaRequestContext>, _ parts: Parts, pages: SignInPages, brand: ServerBrand,
        flow: PhoneLoginFlow
    ) {
        let configuration = parts.configuration
        let cookies = cookies(parts)
        let authorization = AuthorizationEndpoint(
            requests: requests(parts), store: parts.store, log: parts.store, subjects: parts.subjects,
            settings: configuration.tokens, sessions: configuration.sessions,
            limitPerSession: configuration.authorizePerSession, entropy: parts.entropy)
        AuthorizeEndpoint(authorization: authorization, pages: pages, cookies: cookies, edge: parts.edge)
            .add(to: router)
        SignInEndpoints(
            authorization: authorization, flow: flow, pages: pages, cookies: cookies,
            tokens: SignInToken(secret: parts.secret, entropy: parts.entropy), edge: parts.edge
        ).add(to: router)
        LinkPageEndpoints(
            authorization: authorization, flow: flow, pages: pages, cookies: cookies, edge: parts.edge
        ).add(to: router)
        EndSessionEndpoints(
            endpoint: EndSessionEndpoint(
                registry: parts.registry, store: parts.store,
                hints: IDTokenHints(issuer: configuration.issuer, keys: parts.keys), subjects: parts.subjects),
            pages: pages, cookies: cookies, edge: parts.edge
        ).add(to: router)
        AssetEndpoints(registry: parts.registry, brand: brand).add(to: router)
    }

    static func cookies(_ parts: Parts) -> BrowserCookies {
        BrowserCookies(
            issuer: parts.configuration.issuer, secret: parts.secret,
            sessionLifetimeSeconds: parts.configuration.sessions.lifetimeSeconds, entropy: parts.entropy)
    }

    private static func pushed(_ parts: Parts) -> PushedRequests {
        PushedRequests(
            store: parts.store, secret: parts.secret, limitPerClient: parts.configuration.pushPerClient,
            limitPerAddress: parts.configuration.pushPerIP, entropy: parts.entropy)
    }

    private static func requests(_ parts: Parts) -> AuthorizationRequestReader {
        AuthorizationRequestReader(
            registry: parts.registry, issuer: parts.configuration.issuer,
            hints: IDTokenHints(issuer: parts.configuration.issuer, keys: parts.keys),
            objects: RequestObjectCheck(issuer: parts.configuration.issuer, keys: parts.clientKeys),
            pushed: pushed(parts), seal: AuthorizationRequestSeal(secret: parts.secret))
    }

    static func authenticator(_ parts: Parts) -> ClientAuthenticator {
        ClientAuthenticator(
            registry: parts.registry,
            assertions: ClientAssertionCheck(
                issuer: parts.configuration.issuer, keys: parts.clientKeys, identifiers: parts.store,
                limitPerAddress: parts.configuration.proofPerIP),
            log: parts.store)
    }

    private static func addOAuth(to router: Router<DenwaRequestContext>, _ parts: Parts) {
        let (configuration, registry, keys, store) = (parts.configuration, parts.registry, parts.keys, parts.store)
        let (edge, subjects) = (parts.edge, parts.subjects)
        let authenticator = authenticator(parts)
        let verifier = AccessTokenVerifier(issuer: configuration.issuer, keys: keys)
        OAuthEndpoints(
            token: TokenEndpoint(
                authenticator: authenticator, proofs: ProofOfPossession(dpop: parts.proofs), verifier: verifier,
                store: store, devices: store,
                issuer: AccessTokenIssuer(
                    issuer: configuration.issuer, keys: keys, subjects: subjects, settings: configuration.tokens,
                    playFab: parts.playFab, entropy: parts.entropy),
                idTokens: IDTokenIssuer(issuer: configuration.issuer, keys: keys, subjects: subjects),
                settings: configuration.tokens, refreshTokens: RefreshTokenDerivation(secret: parts.secret),
                limitPerClient: configuration.tokenPerClient, entropy: parts.entropy),
            pushedAuthorization: PushedAuthorizationEndpoint(
                authenticator: authenticator, proofs: ProofOfPossession(dpop: parts.proofs), requests: requests(parts),
                pushed: pushed(parts)),
            introspection: IntrospectionEndpoint(
                authenticator: authenticator, verifier: verifier, registry: registry, store: store,
                issuer: configuration.issuer, subjects: subjects,
                signed: SignedIntrospection(issuer: configuration.issuer, keys: keys),
                cacheSeconds: configuration.introspectionCacheSeconds),
            revocation: RevocationEndpoint(authenticator: authenticator, verifier: verifier, store: store),
            edge: edge
        ).add(to: router)
        let userInfo = UserInfoEndpoint(
            acceptance: AccessTokenAcceptance(verifier: verifier, proofs: parts.proofs), registry: registry,
            store: store, subjects: subjects)
        UserInfoEndpoints(userInfo: userInfo, edge: edge).add(to: router)
        UsersMeEndpoint(userInfo: userInfo, edge: edge).add(to: router)
        LogoutEndpoint(userInfo: userInfo, sessions: store, edge: edge).add(to: router)
        WellKnownEndpoints(keys: keys, issuer: configuration.issuer, features: configuration.metadataFeatures)
            .add(to: router)
        ProjectKeysEndpoint(keys: keys, registry: registry).add(to: router)
        TokenValidateEndpoint(
            validation: TokenValidation(verifier: verifier, registry: registry, store: store), edge: edge
        ).add(to: router)
    }

    /// What runs besides answering requests.
    var backgroundServices: [any Service] {
        [
            delivery, logoutDelivery, RevocationWatch(feed: revocations, logger: logger),
            LinkWatch(waiting: linkWaiting, store: store, logger: logger),
            Housekeeping(
                store: store, node: Entropy.system.identifier(), retention: retention, clock: clock, logger: logger),
        ]
    }

    private var retention: SQLStore.Retention {
        var retention = SQLStore.Retention()
        retention.eventSeconds = configuration.developerLogRetentionDays * 86_400
        return retention
    }

    /// Reads keys and clients again. What cannot be used is refused whole, and what runs goes on.
    func reload() {
        do {
            let loaded = try keyDirectory.load()
            try Self.refuseMissingKeys(registry.all, loaded.active)
            keys.replace(keys: loaded.keys, active: loaded.active)
            logger.notice("keys read again", metadata: ["count": "\(loaded.keys.count)"])
        } catch {
            logger.error("keys not read again, the running ones stay", metadata: ["reason": "\(error)"])
        }
        do {
            let clients = try Self.readClients(configuration, secret: try keyDirectory.secret(), logger: logger)
            try Self.refuseMissingKeys(clients, keys.current.active)
            registry.replace(with: clients)
            logger.notice("clients read again", metadata: ["count": "\(clients.count)"])
        } catch {
            logger.error("clients not read again, the running ones stay", metadata: ["reason": "\(error)"])
        }
        do {
            templates.replace(with: try Self.readTemplates(configuration))
            if configuration.templatesFile != nil { logger.notice("templates read again") }
        } catch {
            logger.error("templates not read again, the running ones stay", metadata: ["reason": "\(error)"])
        }
    }

    /// Leaves the database in order: a copy of SQLite's main file is a backup.
    func close() async { await store.engine.close() }

    private static func refuseMissingKeys(_ clients: [Client], _ active: [SignatureAlgorithm: JWSKey]) throws {
        let problems = MissingKeys.problems(clients: clients, active: active)
        guard problems.isEmpty else { throw StartProblem(problems.joined(separator: "; ")) }
    }
}

/// The libraries that run services print them. Nothing of what is in here may end up in a log.
extension Composition: CustomStringConvertible, CustomReflectable {
    var description: String { "Composition" }
    var customMirror: Mirror { Mirror(self, children: []) }
}

/// Why the server cannot start, in words for its operator.
struct StartProblem: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
