package import Hummingbird
import JOSE

/// `GET /health/live`: the process answers. `GET /health/ready`: it can serve, database included.
package struct HealthEndpoints: Sendable {
    private let isReady: @Sendable () async -> Bool

    package init(isReady: @escaping @Sendable () async -> Bool) { self.isReady = isReady }

    package func add(to router: Router<DenwaRequestContext>) {
        router.get("/health/live") { _, _ in Response.json(.ok, ["status": "live"]) }
        router.get("/health/ready") { _, _ in
            await isReady()
                ? Response.json(.ok, ["status": "ready"])
                : Response.json(.serviceUnavailable, ["status": "unavailable"])
        }
    }
}
