import Accounts
import Cryptography
import JOSE
import Storage
import TestSupport
import Time

@testable import OAuth

/// Parameters of a request, in order, to be changed one at a time.
struct Parameters: Sendable {
    private var pairs: [(name: String, value: String)]

    init(_ pairs: KeyValuePairs<String, String>) { self.pairs = pairs.map { ($0.key, $0.value) } }

    /// Setting replaces or appends; setting nil leaves it out.
    subscript(name: String) -> String? {
        get { pairs.first { $0.name == name }?.value }
        set {
            let index = pairs.firstIndex { $0.name == name }
            switch (index, newValue) {
            case (let index?, let value?): pairs[index].value = value
            case (let index?, nil): pairs.remove(at: index)
            case (nil, let value?): pairs.append((name, value))
            case (nil, nil): break
            }
        }
    }

    /// Once more, whatever is there.
    mutating func add(_ name: String, _ value: String) { pairs.append((name, value)) }

    var encoded: String {
        pairs.map { "\(PercentEncoding.encode($0.name))=\(PercentEncoding.encode($0.value))" }.joined(separator: "&")
    }

    var form: FormParameters { get throws { try FormParameters(parsing: encoded) } }
}

/// A server's OpenID Connect parts, with keys of its own.
struct OpenIDScene: Sendable {
    static let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    /// RFC 7636 appendix B.
    static let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

    let issuer: Issuer
    let keys: KeySet
    let subjects = SubjectIdentifiers(secret: TestSecret.bytes)
    var clients: [Client]

    init(_ clients: [Client] = [OpenIDScene.app], url: String = "https://login.example", keys: KeySet? = nil) throws {
        self.clients = clients
        issuer = try known(Issuer(url))
        self.keys = try keys ?? Self.keySet()
    }

    static func keySet(_ kid: String = "key-1", _ algorithm: SignatureAlgorithm = .es256) throws -> KeySet {
        let key = JWSKey(kid: kid, signing: try SigningKey.generate(algorithm))
        return KeySet(keys: [key], active: [algorithm: key])
    }

    var registry: ClientRegistry { ClientRegistry(clients) }
    var hints: IDTokenHints { IDTokenHints(issuer: issuer, keys: keys) }
    var idTokens: IDTokenIssuer { IDTokenIssuer(issuer: issuer, keys: keys, subjects: subjects) }

    // MARK: - The cast

    /// Public, with two redirects, so that one must be named, and a scope of its own.
    static var app: Client {
        var client = Client.fixture("app", redirectURIs: ["https://app.example/cb", "https://app.example/other"])
        client.scope = Scope("openid phone profile offline_access")
        client.postLogoutRedirectURIs = ["https://app.example/bye", "https://app.example/bye?x=1"]
            .compactMap { RedirectURI($0) }
        return client
    }

    /// Of another sector, and pairwise.
    static var pairwise: Client {
        var client = Client.fixture("pairwise", redirectURIs: ["https://pair.example/cb"])
        client.subjectType = .pairwise
        client.sectorIdentifier = "pair.example"
        return client
    }

    static var confidential: Client {
        Client.fixture("confidential", redirectURIs: ["https://app.example/cb"], secret: "a long secret")
    }

    static let alice = AccountID("0e8f6a52-3b1c-4c39-9d5e-7f6b0a4d2c11")
    static let bob = AccountID("5d2a1c80-9f7e-4b66-8a34-1c0d9e8f7b22")

    static func grant(
        _ account: AccountID = alice, client: Client = app, scope: String = "openid", session: String? = "session",
        authenticatedAt: Timestamp = .noon.adding(seconds: -60)
    ) throws -> Grant {
        Grant(
            id: GrantID("grant"), account: account, client: client.id, scope: try known(Scope(scope)),
            authenticatedAt: authenticatedAt, methods: [.oneTimePassword, .sms], session: session.map { SessionID($0) })
    }

    // MARK: - Requests

    /// A request that is accepted.
    static var parameters: Parameters {
        Parameters([
            "client_id": "app", "response_type": "code", "redirect_uri": "https://app.example/cb",
            "scope": "openid phone", "state": "state-of-the-app", "nonce": "n-0S6_WzA2Mj",
            "code_challenge": challenge, "code_challenge_method": "S256",
        ])
    }

    func request(
        _ parameters: Parameters = OpenIDScene.parameters, at now: Timestamp = .noon
    ) async throws -> AuthorizationRequest {
        try await request(parameters.form, at: now)
    }

    func request(_ form: FormParameters, at now: Timestamp = .noon) async throws -> AuthorizationRequest {
        let client = try await AuthorizationRequest.client(of: form, registry, at: now)
        return try AuthorizationRequest(checking: form, of: client, issuer: issuer, hints: hints, at: now)
    }

    /// Of requests in every form.
    func reader(_ store: SQLStore) -> AuthorizationRequestReader {
        AuthorizationRequestReader(
            registry: registry, issuer: issuer, hints: hints,
            objects: RequestObjectCheck(issuer: issuer, keys: InlineClientKeys()),
            pushed: PushedRequests(
                store: store, secret: TestSecret.bytes, limitPerClient: nil, limitPerAddress: nil, entropy: .seeded(2)),
            seal: AuthorizationRequestSeal(secret: TestSecret.bytes))
    }

    /// An ID token of this server.
    func idToken(
        of account: AccountID = OpenIDScene.alice, for client: Client = OpenIDScene.app, session: String? = "session",
        at now: Timestamp = .noon
    ) throws -> String {
        try idTokens.issue(
            for: Self.grant(account, client: client, session: session), nonce: nil, accessToken: "access token",
            to: client, at: now)
    }
}
