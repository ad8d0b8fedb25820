import Cryptography
import JOSE
import RateLimiting
import Time

/// Reads one entry of the client file and collects everything that is wrong with it.
struct ClientParser {
    let members: JSONObject
    var read: Set<String> = []
    var problems: [String] = []
    var warnings: [String] = []
    /// How messages call this client.
    let name: String

    /// Names of RFC 7591 and of this server's later parts: known, and without effect here.
    private static let tolerated: Set<String> = [
        "logo_uri", "client_uri", "policy_uri", "tos_uri", "contacts", "software_id",
        "software_version",
    ]

    init(_ entry: JSONValue) {
        members = entry.object ?? JSONObject()
        name = members["client_id"].flatMap(Self.text).map { "client \"\($0)\"" } ?? "a client"
    }

    mutating func parse() -> Client? {
        guard let id = text("client_id"), Self.isIdentifier(id) else {
            problems.append("client_id must be printable ASCII, 1 to 255 characters")
            return nil
        }
        if ClientID(id) == .accountPage { problems.append("client_id \(id) is the server's own") }
        let secret = secretDigest()
        let method = authenticationMethod(hasSecret: secret.digest != nil)
        var client = Client(
            id: ClientID(id), name: Self.cleaned(text("client_name") ?? id), authenticationMethod: method,
            redirectURIs: uris("redirect_uris"), grantTypes: grantTypes())
        client.secretDigest = secret.digest
        client.hasPlaintextSecret = secret.isPlaintext
        client.postLogoutRedirectURIs = uris("post_logout_redirect_uris")
        client.linkURIs = uris("link_uris")
        client.corsOrigins = corsOrigins()
        client.scope = scope()
        client.requiresPKCE = flag("require_pkce")
        client.isFirstParty = flag("first_party")
        client.mayRunPhoneLogin = flag("phone_login", fallback: true)
        client.mayIntrospect = flag("may_introspect")
        client.projectID = text("project_id")
        readTokenOptions(into: &client)
        readMessageOptions(into: &client)
        readOpenIDOptions(into: &client)
        readBranding(into: &client)
        readServices(into: &client)
        readKeys(into: &client)
        readBindings(into: &client)
        readRequestOptions(into: &client)
        readResources(into: &client)
        readLogout(into: &client)
        checkResponseTypes()
        if client.mayIntrospect, client.isPublic { problems.append("may_introspect needs a client that authenticates") }
        if client.grantTypes.contains(.clientCredentials), client.isPublic {
            problems.append("client_credentials needs a client that authenticates")
        }
        let signsInOtherwise = client.kii != nil || client.monaca != nil
        if client.grantTypes.contains(.authorizationCode), client.redirectURIs.isEmpty, !signsInOtherwise {
            warnings.append("without redirect_uris nobody can log in")
        }
        warnAboutUnknownMembers()
        return client
    }

    private mutating func readTokenOptions(into client: inout Client) {
        client.tokenProfile = choice("token_profile", TokenProfile.self) ?? .rfc9068
        client.signingAlgorithm = choice("access_token_signed_response_alg", SignatureAlgorithm.self) ?? .es256
        client.publisherID = integer("publisher_id")
        if let lifetime = integer("access_token_lifetime") {
            if (1...31_536_000).contains(lifetime) {
                client.accessTokenLifetimeSeconds = Int(lifetime)
            } else {
                problems.append("access_token_lifetime must be 1 to 31536000 seconds")
            }
        }
        if let audience = audience() { client.audience = audience }
    }

    private mutating func readOpenIDOptions(into client: inout Client) {
        client.idTokenAlgorithm = choice("id_token_signed_response_alg", SignatureAlgorithm.self) ?? .es256
        if client.idTokenAlgorithm.isSymmetric {
            // OpenID Connect Core §10.1 takes the client secret as the key, and only its hash is kept here.
            problems.append("id_token_signed_response_alg must be ES256, RS256 or EdDSA")
        }
        client.subjectType = choice("subject_type", SubjectType.self) ?? .public
        client.sectorIdentifier = sectorIdentifier(of: client)
    }

    /// OpenID Connect Core §8.1. The operator who writes this file vouches for the sector, so the document at
    /// `sector_identifier_uri` is not fetched.
    private mutating func sectorIdentifier(of client: Client) -> String? {
        if let text = text("sector_identifier_uri") {
            guard let uri = RedirectURI(text), text.hasPrefix("https://"), let host = uri.host else {
                problems.append("sector_identifier_uri must be an https URL")
                return nil
            }
            return host.lowercased()
        }
        guard client.subjectType == .pairwise else { return nil }
        // Only a host on the internet is somebody's own. Apps' schemes and this machine are anybody's, and such
        // a client is a sector of its own.
        let hosts = Set(client.redirectURIs.map { $0.scheme == "https" ? $0.host?.lowercased() ?? "" : "" })
        if hosts.count > 1 {
            problems.append("subject_type pairwise with redirect_uris of several hosts needs a sector_identifier_uri")
        }
        return hosts.first.flatMap { $0.isEmpty ? nil : $0 }
    }

    private mutating func readBranding(into client: inout Client) {
        client.logoFile = text("logo_file")
        if let color = text("brand_color") {
            client.brandColor = BrandColor(color)
            if client.brandColor == nil { problems.append("brand_color must be written #rrggbb") }
        }
    }

    private mutating func readServices(into client: inout Client) {
        if let value = section("kii") {
            var parser = ServiceSectionParser("kii", value)
            client.kii = parser.kii()
            add(parser)
        }
        if let value = section("monaca") {
            var parser = ServiceSectionParser("monaca", value)
            client.monaca = parser.monaca()
            add(parser)
        }
    }

    mutating func section(_ member: String) -> JSONValue? {
        read.insert(member)
        return members[member]
    }

    private mutating func add(_ parser: ServiceSectionParser) {
        problems += parser.problems
        warnings += parser.warnings
    }

    /// Only what exists here: a client that is told otherwise would wait for an answer that never comes.
    private mutating func checkResponseTypes() {
        guard let types = list("response_types") else { return }
        if types.contains(where: { $0 != "code" }) { problems.append("response_types: only code is supported") }
    }

    private mutating func readMessageOptions(into client: inout Client) {
        client.defaultLocale = text("default_locale")
        if let domain = text("webotp_domain") {
            if Self.isHostName(domain) {
                client.webOTPDomain = domain
            } else {
                problems.append("webotp_domain must be a host name")
            }
        }
        if let hash = text("android_app_hash") {
            if hash.utf8.count == 11, hash.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
                client.androidAppHash = hash
            } else {
                problems.append("android_app_hash must have 11 characters")
            }
        }
        client.testNumbers = testNumbers()
        client.allowedCountries = Set((list("allowed_countries") ?? []).map { $0.uppercased() })
        if client.allowedCountries.contains(where: { $0.utf8.count != 2 }) {
            problems.append("allowed_countries takes ISO 3166-1 codes of two letters")
        }
        client.textingBudgetDaily = money("texting_budget_daily")
        client.textingBudgetMonthly = money("texting_budget_monthly")
    }
}

// MARK: - Members

extension ClientParser {
    private mutating func secretDigest() -> (digest: SHA256Digest?, isPlaintext: Bool) {
        let plain = text("client_secret")
        let hashed = text("client_secret_sha256")
        if plain != nil, hashed != nil { problems.append("client_secret and client_secret_sha256 exclude each other") }
        if let hashed {
            guard let digest = Hex.decode(hashed).flatMap({ SHA256Digest(bytes: $0) }) else {
                problems.append("client_secret_sha256 must be 64 hexadecimal digits")
                return (nil, false)
            }
            return (digest, false)
        }
        guard let plain else { return (nil, false) }
        if plain.utf8.count < 8 { problems.append("client_secret must have 8 characters or more") }
        return (SHA256Digest(of: plain), true)
    }

    private mutating func authenticationMethod(hasSecret: Bool) -> ClientAuthenticationMethod {
        let fallback: ClientAuthenticationMethod = hasSecret ? .clientSecretBasic : .none
        let method =
            choice("token_endpoint_auth_method", ClientAuthenticationMethod.self) ?? fallback
        if method == .privateKeyJWT {
            if hasSecret { problems.append("a client with token_endpoint_auth_method private_key_jwt has no secret") }
            return method
        }
        // A sealed secret is opened when the file is in use.
        if method == .clientSecretJWT, members["client_secret_sealed"] != nil { return method }
        if method == .none, hasSecret { problems.append("a client with token_endpoint_auth_method none has no secret") }
        if method != .none, !hasSecret { problems.append("token_endpoint_auth_method needs a client secret") }
        return method
    }

    private mutating func grantTypes() -> Set<GrantType> {
        guard let names = list("grant_types") else { return [.authorizationCode, .refreshToken] }
        var types: Set<GrantType> = []
        for name in names {
            if let type = GrantType(rawValue: name) {
                types.insert(type)
            } else {
                warnings.append("grant_types: a value is not supported and ignored")
            }
        }
        return types
    }

    mutating func uris(_ member: String) -> [RedirectURI] {
        (list(member) ?? []).enumerated().compactMap { index, text in
            guard let uri = RedirectURI(text) else {
                problems.append("\(member): entry \(index + 1) is not an absolute URI without fragment or wildcard")
                return nil
            }
            return uri
        }
    }

    /// Scheme, host and port, as a browser writes them in an `Origin` header.
    private mutating func corsOrigins() -> [String] {
        (list("cors_origins") ?? []).enumerated().compactMap { index, text in
            guard let uri = RedirectURI(text), let host = uri.host, uri.isOrigin, host == host.lowercased() else {
                problems.append("cors_origins: entry \(index + 1) must be an origin such as https://app.example")
                return nil
            }
            return text
        }
    }

    private mutating func scope() -> Scope? {
        guard let text = text("scope") else { return nil }
        guard let scope = Scope(text) else {
            problems.append("scope is malformed")
            return nil
        }
        return scope
    }

    private mutating func audience() -> [String]? {
        if let one = members["audience"]?.string {
            read.insert("audience")
            return [one]
        }
        guard let many = list("audience") else { return nil }
        if many.isEmpty { problems.append("audience must not be empty") }
        return many.isEmpty ? nil : many
    }

    /// `[{"phone_number":"+819012345678","code":"123456","expires_at":1798761600}]`, the end in seconds since 1970.
    private mutating func testNumbers() -> [TestNumber] {
        read.insert("test_numbers")
        guard let value = members["test_numbers"] else { return [] }
        let numbers = value.array?.compactMap { entry -> TestNumber? in
            guard let number = entry["phone_number"]?.string, number.hasPrefix("+"),
                let code = entry["code"]?.string, (4...10).contains(code.utf8.count),
                code.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains),
                let end = entry["expires_at"]?.integer, (0...253_402_300_799).contains(end)
            else { return nil }
            return TestNumber(number: number, code: code, expiresAt: Timestamp(seconds: end))
        }
        guard let numbers, numbers.count == value.array?.count else {
            problems.append("test_numbers: each needs a phone_number, a code of 4 to 10 digits and an expires_at")
            return []
        }
        return numbers
    }

    /// Xsolla's ids are integers: taken as their decimal text.
    private static func text(_ value: JSONValue) -> String? {
        value.string ?? value.integer.map(String.init)
    }

    mutating func text(_ member: String) -> String? {
        read.insert(member)
        guard let value = members[member] else { return nil }
        guard let text = Self.text(value), !text.isEmpty else {
            problems.append("\(member) must be a text")
            return nil
        }
        return text
    }

    mutating func integer(_ member: String) -> Int64? {
        read.insert(member)
        guard let value = members[member] else { return nil }
        guard let integer = value.integer else {
            problems.append("\(member) must be an integer")
            return nil
        }
        return integer
    }

    /// In the currency of the server's prices, as a number or a text; 0: no limit.
    private mutating func money(_ member: String) -> Money? {
        read.insert(member)
        guard let value = members[member] else { return nil }
        guard let money = Money(value.string ?? value.serializedText) else {
            problems.append("\(member) must be an amount such as 20 or 12.50")
            return nil
        }
        return money == .zero ? nil : money
    }

    mutating func flag(_ member: String, fallback: Bool = false) -> Bool {
        read.insert(member)
        guard let value = members[member] else { return fallback }
        guard let flag = value.bool else {
            problems.append("\(member) must be true or false")
            return fallback
        }
        return flag
    }

    mutating func list(_ member: String) -> [String]? {
        read.insert(member)
        guard let value = members[member] else { return nil }
        let texts = value.array?.compactMap(\.string)
        guard let texts, texts.count == value.array?.count else {
            problems.append("\(member) must be a list of texts")
            return nil
        }
        return texts
    }

    mutating func choice<Choice: RawRepresentable & CaseIterable>(
        _ member: String, _: Choice.Type
    ) -> Choice? where Choice.RawValue == String {
        guard let name = text(member) else { return nil }
        guard let choice = Choice(rawValue: name) else {
            let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            problems.append("\(member) must be one of \(known)")
            return nil
        }
        return choice
    }

    private mutating func warnAboutUnknownMembers() {
        for member in members.members where !read.contains(member.name) && !Self.tolerated.contains(member.name) {
            warnings.append("unknown member \"\(member.name)\"")
        }
    }

    private static func isIdentifier(_ text: String) -> Bool {
        (1...255).contains(text.utf8.count) && text.utf8.allSatisfy { (0x20...0x7E).contains($0) }
    }

    private static func isHostName(_ text: String) -> Bool {
        (1...253).contains(text.utf8.count)
            && text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
                (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                    && label.utf8.allSatisfy {
                        $0 == UInt8(ascii: "-") || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0)
                            || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0 | 0x20)
                    }
            }
    }

    /// A name goes into texts and pages: no line breaks, no direction marks, nothing invisible.
    private static func cleaned(_ name: String) -> String {
        let visible = name.unicodeScalars.filter { scalar in
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned: false
            default: true
            }
        }
        return String(String(String.UnicodeScalarView(visible)).prefix(64))
    }
}
