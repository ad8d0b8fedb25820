package import Cryptography
package import JOSE
package import RateLimiting
package import Time

package struct ClientID: Hashable, Sendable {
    package let rawValue: String
    package init(_ rawValue: String) { self.rawValue = rawValue }
}

package enum GrantType: String, Sendable, CaseIterable {
    case authorizationCode = "authorization_code"
    case refreshToken = "refresh_token"
    case clientCredentials = "client_credentials"
    /// RFC 8628 §3.4.
    case deviceCode = "urn:ietf:params:oauth:grant-type:device_code"
    /// RFC 8693 §2.1.
    case tokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
}

/// How a client proves who it is (RFC 7591 §2, `token_endpoint_auth_method`).
package enum ClientAuthenticationMethod: String, Sendable, CaseIterable {
    case none
    case clientSecretBasic = "client_secret_basic"
    case clientSecretPost = "client_secret_post"
    /// A JWT that only the holder of the secret can make (RFC 7523 §2.2).
    case clientSecretJWT = "client_secret_jwt"
    case privateKeyJWT = "private_key_jwt"

    /// Whether the client proves itself with a signature of its own.
    package var isAssertion: Bool { self == .clientSecretJWT || self == .privateKeyJWT }
}

/// Whether two clients see the same `sub` of one person (OpenID Connect Core §8).
package enum SubjectType: String, Sendable, CaseIterable {
    case `public`
    case pairwise
}

/// What the claims of an access token look like.
package enum TokenProfile: String, Sendable, CaseIterable {
    case rfc9068
    /// With the additional claims that Xsolla's tokens have.
    case xsolla
}

/// A number with a code that never changes, for the people who review an app and for its tests.
///
/// No text is sent to it. It signs in to an account of its own, not to that of whoever holds the number, and it
/// counts against every limit.
package struct TestNumber: Sendable, Equatable {
    /// E.164.
    package let number: String
    package let code: String
    package let expiresAt: Timestamp
}

/// A registered client: RFC 7591 names where there are any.
package struct Client: Sendable {
    package var id: ClientID
    package var name: String
    /// SHA-256 of the secret. A secret is 128 random bits or more, so a slow hash would add cost and no strength.
    package var secretDigest: SHA256Digest?
    /// True when the file holds the secret itself: fine on a developer's machine, refused in production.
    package var hasPlaintextSecret = false
    package var authenticationMethod: ClientAuthenticationMethod
    /// The secret itself, for HMAC: all that `client_secret_jwt` needs and a digest cannot do.
    package var secretKey: JWSKey?
    /// That secret as the file has it: sealed with this server's key.
    package var sealedSecret: String?
    /// The one algorithm of its assertions (RFC 7591 §2, `token_endpoint_auth_signing_alg`); `nil`: its key's.
    package var assertionAlgorithm: SignatureAlgorithm?
    package var keys: ClientKeys?
    package var redirectURIs: [RedirectURI]
    package var postLogoutRedirectURIs: [RedirectURI] = []
    package var linkURIs: [RedirectURI] = []
    /// Web origins whose pages may read this server's answers (single-page apps).
    package var corsOrigins: [String] = []
    package var grantTypes: Set<GrantType>
    /// `nil`: any scope may be asked for.
    package var scope: Scope?
    package var requiresPKCE = false
    /// RFC 9126 §6.
    package var requiresPushedRequests = false
    /// RFC 9101 §10.5.
    package var requiresSignedRequests = false
    /// RFC 9101 §4 (`request_object_signing_alg`); `nil`: its key's.
    package var requestObjectAlgorithm: SignatureAlgorithm?
    /// RFC 9449 §5.2.
    package var requiresDPoP = false
    /// RFC 8705 §3.4.
    package var bindsTokensToCertificate = false
    package var isFirstParty = false
    /// Whether a stranger wrote this: it registered itself, or describes itself at its own address.
    package var isSelfDescribed = false
    /// Whether the app may show screens of its own for number and code. An app that may not sends people to this
    /// server's pages, which ask for consent.
    package var mayRunPhoneLogin = true
    package var tokenProfile = TokenProfile.rfc9068
    package var signingAlgorithm = SignatureAlgorithm.es256
    package var idTokenAlgorithm = SignatureAlgorithm.es256
    package var subjectType = SubjectType.public
    /// A host: the clients that share it see the same pairwise subjects.
    package var sectorIdentifier: String?
    package var accessTokenLifetimeSeconds: Int?
    /// The `aud` of its tokens; its own id when none is given.
    package var audience: [String]
    package var mayIntrospect = false
    /// The alg of introspection answers that it wants signed (RFC 9701 §6).
    package var introspectionAlgorithm = SignatureAlgorithm.es256
    /// What it may ask tokens for (RFC 8707).
    package var resources = Resources.none
    /// What it serves: it may read tokens for them.
    package var protectedResources = Resources.none
    /// `nil`: it may not exchange tokens.
    package var tokenExchange: TokenExchangePolicy?
    /// How old a sign-in may be for a refresh; `nil`: any age (OpenID Connect Registration §2, `default_max_age`).
    package var defaultMaxAgeSeconds: Int?
    package var backchannelLogoutURI: String?
    /// OpenID Connect Back-Channel Logout §2.2: it cannot do without `sid`.
    package var requiresLogoutSession = false
    package var projectID: String?
    package var publisherID: Int64?
    package var defaultLocale: String?
    package var webOTPDomain: String?
    package var androidAppHash: String?
    package var testNumbers: [TestNumber] = []
    /// Where its texts may go, ISO 3166-1 alpha-2; empty: wherever the server's may.
    package var allowedCountries: Set<String> = []
    /// What its texts may cost, beside the server's own budget.
    package var textingBudgetDaily: Money?
    package var textingBudgetMonthly: Money?
    /// `nil`: its people do not come by that interface.
    package var kii: KiiApp?
    package var monaca: MonacaBackend?
    /// Beside the client file; read with it.
    package var logoFile: String?
    package var logo: Logo?
    package var brandColor: BrandColor?

    /// RFC 6749 §2.1: a client that cannot keep a secret.
    package var isPublic: Bool { authenticationMethod == .none }

    package func testNumber(_ number: String, at now: Timestamp) -> TestNumber? {
        testNumbers.first { $0.number == number && now < $0.expiresAt }
    }

    package init(
        id: ClientID, name: String, authenticationMethod: ClientAuthenticationMethod, redirectURIs: [RedirectURI],
        grantTypes: Set<GrantType>
    ) {
        self.id = id
        self.name = name
        self.authenticationMethod = authenticationMethod
        self.redirectURIs = redirectURIs
        self.grantTypes = grantTypes
        self.audience = [id.rawValue]
    }
}
