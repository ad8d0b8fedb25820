import Hummingbird
import HummingbirdCore
import HummingbirdTLS
import Logging
import NIOCore
import OAuth
import ServiceLifecycle
import UnixSignals
import Web

/// Runs a composition until SIGTERM or SIGINT: HTTP, deliveries, housekeeping, and SIGHUP to read again.
struct Server {
    /// A SQLite file and its log, the file of texts, and room for more.
    private static let filesBesideConnections = 64

    let composition: Composition
    let configuration: ServerConfiguration
    let logger: Logger

    /// HTTP, inside TLS when the server has a certificate.
    private func transport() throws -> HTTPServerBuilder {
        let http = HTTPServerBuilder.http1(
            configuration: HTTP1Channel.Configuration(
                // A client that says nothing for a minute gives its place back.
                idleTimeout: .seconds(60),
                httpDecoderConfiguration: .init(
                    maxHeaderFieldSize: 16 * 1024, maxHeaderListSize: 32 * 1024, maxHeaderFieldCount: 100)))
        guard let files = configuration.tls else { return http }
        return try .tls(http, configuration: ServerTLS.configuration(files))
    }

    func run() async throws {
        let connections =
            OpenFiles.raiseLimit() - Self.filesBesideConnections - configuration.database.maximumSockets
        let application = Application(
            responder: composition.responder,
            server: try transport(),
            configuration: ApplicationConfiguration(
                address: .hostname(configuration.host, port: configuration.port), backlog: 1024,
                // Beyond this many, connections wait in the backlog: a process without a free descriptor could
                // neither answer nor write.
                availableConnectionsDelegate: MaximumAvailableConnections(max(16, connections))),
            onServerRunning: { [configuration, logger] channel in
                let port = channel.localAddress?.port ?? configuration.port
                logger.notice(
                    "listening",
                    metadata: [
                        "address": "\(configuration.host):\(port)", "issuer": "\(configuration.issuer.url)",
                    ])
            },
            logger: logger)
        var services: [any Service] = [Reloading(composition: composition)] + composition.backgroundServices
        if let responder = composition.metricsResponder, let port = configuration.metricsPort {
            services.append(
                Application(
                    responder: responder,
                    configuration: ApplicationConfiguration(address: .hostname(configuration.host, port: port)),
                    logger: logger))
        }
        var group = ServiceGroupConfiguration(
            services: services + [application, composition.draining], gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger)
        // Requests under way get this long to finish.
        group.maximumGracefulShutdownDuration = .seconds(configuration.drainSeconds + 10)
        try await ServiceGroup(configuration: group).run()
        await composition.close()
    }
}

/// SIGHUP reads keys and clients again.
private struct Reloading: Service {
    let composition: Composition

    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
            composition.reload()
        }
    }
}
