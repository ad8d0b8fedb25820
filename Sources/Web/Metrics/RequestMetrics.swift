package import Hummingbird
import Synchronization

/// Counts requests by route and status, and how long they took. Only templates of routes are labels: a path may
/// hold what a stranger typed.
package final class RequestMetrics: Sendable {
    /// Upper bounds in seconds, as Prometheus histograms have them.
    static let bounds: [Double] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]

    struct Series: Hashable {
        let method: String
        let route: String
        let status: Int
    }

    struct Counts {
        /// One more than the bounds: the last takes the rest.
        var buckets = [Int](repeating: 0, count: RequestMetrics.bounds.count + 1)
        var seconds = 0.0
        var total: Int { buckets.reduce(0, +) }
    }

    private let counts = Mutex<[Series: Counts]>([:])

    package init() {}

    func count(_ series: Series, seconds: Double) {
        let bucket = Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count
        counts.withLock {
            $0[series, default: Counts()].buckets[bucket] += 1
            $0[series, default: Counts()].seconds += seconds
        }
    }

    /// Prometheus text exposition format 0.0.4.
    func exposition() -> String {
        let all = counts.withLock { $0 }.sorted {
            ($0.key.route, $0.key.method, $0.key.status) < ($1.key.route, $1.key.method, $1.key.status)
        }
        var lines = [
            "# HELP denwa_http_request_duration_seconds Time from a request's head to its response's.",
            "# TYPE denwa_http_request_duration_seconds histogram",
        ]
        for (series, counts) in all {
            let labels = "method=\"\(series.method)\",route=\"\(series.route)\",status=\"\(series.status)\""
            var sum = 0
            for (bound, count) in zip(Self.bounds.map { "\($0)" } + ["+Inf"], counts.buckets) {
                sum += count
                lines.append("denwa_http_request_duration_seconds_bucket{\(labels),le=\"\(bound)\"} \(sum)")
            }
            lines.append("denwa_http_request_duration_seconds_sum{\(labels)} \(counts.seconds)")
            lines.append("denwa_http_request_duration_seconds_count{\(labels)} \(counts.total)")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

package struct RequestCounting: RouterMiddleware {
    private let metrics: RequestMetrics

    package init(metrics: RequestMetrics) { self.metrics = metrics }

    package func handle(
        _ request: Request, context: DenwaRequestContext,
        next: @concurrent (Request, DenwaRequestContext) async throws -> Response
    ) async throws -> Response {
        let started = ContinuousClock.now
        let response = try await next(request, context)
        let series = RequestMetrics.Series(
            method: request.method.rawValue, route: context.endpointPath ?? "none", status: response.status.code)
        metrics.count(series, seconds: (ContinuousClock.now - started) / .seconds(1))
        return response
    }
}
