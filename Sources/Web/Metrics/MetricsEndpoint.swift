package import Hummingbird
package import Messaging
import NIOCore

/// `GET /metrics`, on a port of its own: figures are for the operator, not for the internet.
package struct MetricsEndpoint: Sendable {
    private let requests: RequestMetrics
    private let routing: MessageRouting

    package init(requests: RequestMetrics, routing: MessageRouting) {
        self.requests = requests
        self.routing = routing
    }

    package func add(to router: Router<DenwaRequestContext>) {
        router.get("/metrics") { _, _ in
            Response(
                status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
                body: ResponseBody(byteBuffer: ByteBuffer(string: requests.exposition() + deliveries())))
        }
    }

    private func deliveries() -> String {
        let tries = routing.connectors.flatMap { connector in
            connector.breaker.totals.sorted { $0.key < $1.key }.map { outcome, count in
                #"denwa_text_deliveries_total{connector="\#(connector.name)",outcome="\#(outcome)"} \#(count)"#
            }
        }
        let open = routing.connectors.map { connector in
            #"denwa_connector_available{connector="\#(connector.name)"} \#(connector.breaker.isOpen ? 0 : 1)"#
        }
        let lines =
            [
                "# HELP denwa_text_deliveries_total Tries to hand a text to a connector, by outcome.",
                "# TYPE denwa_text_deliveries_total counter",
            ] + tries + [
                "# HELP denwa_connector_available Whether texts are handed to a connector: its circuit is closed.",
                "# TYPE denwa_connector_available gauge",
            ] + open
        return lines.joined(separator: "\n") + "\n"
    }
}
