package import Hummingbird
package import Messaging
import NIOCore
package import Time

/// `GET /metrics`, on a port of its own: figures are for the operator, not for the internet.
package struct MetricsEndpoint: Sendable {
    private let requests: RequestMetrics
    private let health: DeliveryHealth
    private let clock: WallClock

    package init(requests: RequestMetrics, health: DeliveryHealth, clock: WallClock) {
        self.requests = requests
        self.health = health
        self.clock = clock
    }

    package func add(to router: Router<DenwaRequestContext>) {
        router.get("/metrics") { _, _ in
            Response(
                status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: requests.exposition() + deliveries())))
        }
    }

    private func deliveries() -> String {
        let totals = health.totals
        return """
            # HELP denwa_text_deliveries_total Tries to hand a text to a connector, by outcome.
            # TYPE denwa_text_deliveries_total counter
            denwa_text_deliveries_total{outcome="accepted"} \(totals.accepted)
            denwa_text_deliveries_total{outcome="failed"} \(totals.failed)
            # HELP denwa_texts_available Whether texts go out at all.
            # TYPE denwa_texts_available gauge
            denwa_texts_available \(health.unavailableSeconds(at: clock.now()) == nil ? 1 : 0)

            """
    }
}
