import HTTPTypes
package import Hummingbird
import JOSE
package import OAuth

/// What anybody may read: keys and metadata. Cached for five minutes, so that a new key must be published
/// (status `next`) at least that long before it signs.
package struct WellKnownEndpoints: Sendable {
    private let keys: KeySet
    private let issuer: Issuer
    private let features: ServerMetadata.Features

    package init(keys: KeySet, issuer: Issuer, features: ServerMetadata.Features) {
        self.keys = keys
        self.issuer = issuer
        self.features = features
    }

    package func add(to router: Router<DenwaRequestContext>) {
        router.get("/.well-known/jwks.json") { _, _ in
            Self.cacheable(keys.current.published.json())
        }
        for name in ["oauth-authorization-server", "openid-configuration"] {
            router.get("/.well-known/\(name)") { _, _ in
                Self.cacheable(ServerMetadata.document(issuer: issuer, features: features))
            }
        }
    }

    private static func cacheable(_ body: JSONValue) -> Response {
        var response = Response.json(.ok, body)
        response.headers[.cacheControl] = "public, max-age=300"
        // Any web page may read them: they are public, and single-page apps need them.
        response.headers[.accessControlAllowOrigin] = "*"
        return response
    }
}
