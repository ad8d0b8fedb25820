import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// The login of one person in this app: signs in, keeps the access token fresh, signs out.
///
/// ```swift
/// let denwa = DenwaSession(DenwaConfiguration(issuer: server, clientID: "demo-game"))
///
/// let pending = try await denwa.requestCode(for: "+81 90-1234-5678")
/// try await denwa.confirm("955680", for: pending)
///
/// let (data, _) = try await denwa.data(for: URLRequest(url: api))
/// ```
///
/// Make one for the whole app and pass it around: calls from everywhere share one renewal. Nothing is asked of the
/// server before the first call.
public actor DenwaSession {
    public nonisolated let configuration: DenwaConfiguration
    let vault: Vault
    let connection: Connection
    private var discovered: Metadata?
    private var prover: Prover?
    /// How much the server's clock is ahead, by its last answer.
    private var clockAhead: TimeInterval = 0
    private var renewal: Task<Result<Tokens, DenwaError>, Never>?
    private var listeners: [UUID: AsyncStream<Bool>.Continuation] = [:]

    /// - Parameters:
    ///   - storage: where tokens are kept. By default the keychain, where there is none this process's memory.
    ///   - transport: what carries requests. By default a session of this package's own, without cookies and cache.
    public init(
        _ configuration: DenwaConfiguration, storage: (any SecretStorage)? = nil,
        transport: (any HTTPTransport)? = nil
    ) {
        #if canImport(Security)
            let storage = storage ?? KeychainStorage()
        #else
            let storage = storage ?? MemoryStorage()
        #endif
        self.configuration = configuration
        vault = Vault(storage: storage, prefix: "\(configuration.issuerText) \(configuration.clientID)")
        connection = Connection(transport: transport ?? URLSession.forSignIn)
    }

    // MARK: who is signed in

    /// Whether somebody is, as far as this device knows. The server may have ended the login meanwhile.
    public var isSignedIn: Bool {
        guard let held = try? vault.tokens() else { return false }
        return held.refreshToken != nil || held.isAlive(at: Date())
    }

    /// ``isSignedIn``, now and each time that somebody signs in or out, or the server ends the login.
    ///
    /// ```swift
    /// for await isSignedIn in await denwa.changes() { showsSignIn = !isSignedIn }
    /// ```
    public func changes() -> AsyncStream<Bool> {
        let (changes, listener) = AsyncStream.makeStream(of: Bool.self, bufferingPolicy: .bufferingNewest(1))
        let name = UUID()
        listeners[name] = listener
        listener.onTermination = { [weak self] _ in Task { await self?.removeListener(name) } }
        listener.yield(isSignedIn)
        return changes
    }

    private func removeListener(_ name: UUID) { listeners[name] = nil }

    private func announce() {
        let isSignedIn = isSignedIn
        for listener in listeners.values { listener.yield(isSignedIn) }
    }

    /// Takes the place of whoever was signed in.
    func hold(_ tokens: Tokens?) throws(DenwaError) {
        try vault.keep(tokens)
        announce()
    }

    /// Forgets everything that this device keeps, and tells nobody. ``signOut(everywhere:)`` tells the server.
    public func forget() throws(DenwaError) {
        prover = nil
        try vault.forgetAll()
        announce()
    }

    // MARK: the server

    /// What the server says of itself, asked for once.
    func metadata() async throws(DenwaError) -> Metadata {
        if let discovered { return discovered }
        let reply = try await connection.send(URLRequest(url: Metadata.address(of: configuration.issuer)))
        guard reply.isSuccess else { throw reply.refusal() }
        let metadata: Metadata = try reply.decoded()
        // Else one server could pass itself off as another (RFC 8414 §3.3).
        guard metadata.issuer.utf8.elementsEqual(configuration.issuerText.utf8) else {
            throw DenwaError(
                .wrongAnswer, "the server calls itself \(metadata.issuer), not \(configuration.issuerText)")
        }
        discovered = metadata
        await setClock(by: reply)
        return metadata
    }

    /// Writes proofs, when server and configuration want tokens bound to this device.
    func deviceProver() async throws(DenwaError) -> Prover? {
        guard configuration.bindsTokensToDevice, try await metadata().supportsDPoP else { return nil }
        return try boundProver()
    }

    /// Writes proofs for tokens that are bound, whatever the configuration says by now.
    func boundProver() throws(DenwaError) -> Prover {
        if let prover { return prover }
        let prover = Prover(key: try vault.key(), clockAhead: clockAhead)
        self.prover = prover
        return prover
    }

    /// A request to the server, with a proof if tokens are bound here.
    func ask(_ request: URLRequest) async throws(DenwaError) -> Reply {
        let reply = try await connection.send(request, prover: try await deviceProver())
        await setClock(by: reply)
        return reply
    }

    /// Sets the clock of proofs by the server's.
    private func setClock(by reply: Reply) async {
        guard let date = reply.date else { return }
        clockAhead = date.timeIntervalSinceNow
        await prover?.set(clockAhead: clockAhead)
    }

    // MARK: one renewal at a time

    /// Those who come while a renewal is under way share it, and a caller that is cancelled does not take it along.
    func renewed(_ stale: Tokens) async throws(DenwaError) -> Tokens {
        let flight =
            renewal
            ?? Task {
                defer { renewal = nil }
                do throws(DenwaError) {
                    return .success(try await renew(stale))
                } catch {
                    return .failure(error)
                }
            }
        renewal = flight
        return try await flight.value.get()
    }
}
