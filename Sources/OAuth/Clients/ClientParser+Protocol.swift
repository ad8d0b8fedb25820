import Cryptography
import JOSE

/// Members about keys, bound tokens, signed and pushed requests, resources and logout.
extension ClientParser {
    mutating func readKeys(into client: inout Client) {
        client.assertionAlgorithm = choice("token_endpoint_auth_signing_alg", SignatureAlgorithm.self)
        client.keys = keys()
        switch client.authenticationMethod {
        case .privateKeyJWT:
            if client.keys == nil { problems.append("private_key_jwt needs jwks or jwks_uri") }
            if client.assertionAlgorithm?.isSymmetric == true {
                problems.append("token_endpoint_auth_signing_alg must be ES256, RS256 or EdDSA")
            }
        case .clientSecretJWT: readSecretKey(into: &client)
        case .none, .clientSecretBasic, .clientSecretPost:
            if client.assertionAlgorithm != nil {
                problems.append("token_endpoint_auth_signing_alg is for private_key_jwt and client_secret_jwt")
            }
        }
        if client.authenticationMethod != .clientSecretJWT, section("client_secret_sealed") != nil {
            problems.append("client_secret_sealed is for client_secret_jwt")
        }
    }

    /// HMAC needs the secret itself, which a digest does not give back.
    private mutating func readSecretKey(into client: inout Client) {
        if let algorithm = client.assertionAlgorithm, !algorithm.isSymmetric {
            problems.append("token_endpoint_auth_signing_alg must be HS256 for client_secret_jwt")
        }
        client.sealedSecret = text("client_secret_sealed")
        guard client.sealedSecret == nil else {
            if client.secretDigest != nil { problems.append("client_secret_sealed excludes every other secret") }
            return
        }
        guard client.hasPlaintextSecret, let secret = members["client_secret"]?.string else {
            problems.append("client_secret_jwt needs client_secret_sealed (`denwa clients secret --sealed`)")
            return
        }
        client.secretKey = JWSKey(clientSecret: secret)
        if client.secretKey == nil { problems.append("client_secret_jwt needs a secret of 32 bytes or more") }
    }

    private mutating func keys() -> ClientKeys? {
        let document = section("jwks")
        let uri = text("jwks_uri")
        if document != nil, uri != nil { problems.append("jwks and jwks_uri exclude each other") }
        if let uri {
            // http for development alone: in production nothing is fetched that way.
            guard let parsed = RedirectURI(uri), parsed.scheme == "https" || parsed.isLoopbackHTTP else {
                problems.append("jwks_uri must be an https URL")
                return nil
            }
            return .uri(uri)
        }
        guard let document else { return nil }
        do {
            let keys = try JWKSet(json: document).keys
            if keys.isEmpty { problems.append("jwks holds no key that is of use here (ES256, RS256, EdDSA)") }
            return .inline(keys)
        } catch {
            problems.append("jwks is not a set of public keys")
            return nil
        }
    }

    mutating func readBindings(into client: inout Client) {
        client.requiresDPoP = flag("dpop_bound_access_tokens")
        client.bindsTokensToCertificate = flag("tls_client_certificate_bound_access_tokens")
        if client.requiresDPoP, client.bindsTokensToCertificate {
            problems.append(
                "dpop_bound_access_tokens and tls_client_certificate_bound_access_tokens exclude each other")
        }
    }

    mutating func readRequestOptions(into client: inout Client) {
        client.requiresPushedRequests = flag("require_pushed_authorization_requests")
        client.requiresSignedRequests = flag("require_signed_request_object")
        client.requestObjectAlgorithm = choice("request_object_signing_alg", SignatureAlgorithm.self)
        if client.requestObjectAlgorithm?.isSymmetric == true {
            problems.append("request_object_signing_alg must be ES256, RS256 or EdDSA")
        }
        if client.requiresSignedRequests, client.keys == nil {
            problems.append("require_signed_request_object needs jwks or jwks_uri")
        }
        client.introspectionAlgorithm =
            choice("introspection_signed_response_alg", SignatureAlgorithm.self) ?? .es256
        if client.introspectionAlgorithm.isSymmetric {
            problems.append("introspection_signed_response_alg must be ES256, RS256 or EdDSA")
        }
        if let age = integer("default_max_age") {
            if (1...315_360_000).contains(age) {
                client.defaultMaxAgeSeconds = Int(age)
            } else {
                problems.append("default_max_age must be 1 to 315360000 seconds")
            }
        }
    }

    mutating func readResources(into client: inout Client) {
        client.resources = resources("resources", list("resources"))
        client.protectedResources = resources("protected_resources", list("protected_resources"))
        if !client.protectedResources.isEmpty, client.isPublic {
            problems.append("protected_resources needs a client that authenticates")
        }
        guard let value = section("token_exchange") else { return }
        client.tokenExchange = tokenExchange(value)
        if client.isPublic { problems.append("token_exchange needs a client that authenticates") }
    }

    private mutating func tokenExchange(_ value: JSONValue) -> TokenExchangePolicy? {
        guard let members = value.object else {
            problems.append("token_exchange must be an object")
            return nil
        }
        var policy = TokenExchangePolicy()
        for member in members.members {
            switch member.name {
            case "audiences": policy.audiences = texts("token_exchange.audiences", member.value)
            case "resources":
                policy.resources = resources(
                    "token_exchange.resources", texts("token_exchange.resources", member.value))
            case "impersonation":
                if member.value.bool == nil { problems.append("token_exchange.impersonation must be true or false") }
                policy.allowsImpersonation = member.value.bool ?? false
            default: warnings.append("unknown member \"token_exchange.\(member.name)\"")
            }
        }
        return policy
    }

    private mutating func texts(_ name: String, _ value: JSONValue) -> [String] {
        let texts = value.array?.compactMap(\.string)
        guard let texts, texts.count == value.array?.count else {
            problems.append("\(name) must be a list of texts")
            return []
        }
        return texts
    }

    private mutating func resources(_ name: String, _ uris: [String]?) -> Resources {
        Resources(
            (uris ?? []).enumerated().compactMap { index, uri in
                guard let identifier = ResourceIdentifier(uri) else {
                    problems.append("\(name): entry \(index + 1) is not an absolute URI without a fragment")
                    return nil
                }
                return identifier
            })
    }

    mutating func readLogout(into client: inout Client) {
        client.requiresLogoutSession = flag("backchannel_logout_session_required")
        guard let uri = text("backchannel_logout_uri") else { return }
        guard let parsed = RedirectURI(uri), parsed.scheme == "https" || parsed.scheme == "http" else {
            problems.append("backchannel_logout_uri must be an http or https URL without a fragment")
            return
        }
        client.backchannelLogoutURI = uri
    }
}

extension JWSKey {
    /// OpenID Connect Core §10.1: the octets of the secret. `nil` when they are fewer than RFC 7518 §3.2 allows.
    package init?(clientSecret: String) {
        guard let key = try? SigningKey(secret: Array(clientSecret.utf8)) else { return nil }
        self.init(kid: "client_secret", signing: key)
    }
}
