import ArgumentParser
import Cryptography
import Logging
import Time

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the server.",
        discussion: """
            Makes keys and database where there are none. SIGHUP reads keys and clients again, SIGTERM finishes \
            the requests under way and stops.
            """)

    func run() async throws {
        let (configuration, logger) = try Invocation.current.context()
        if configuration.isProduction {
            let problems = ProductionChecks.problems(of: configuration)
            guard problems.isEmpty else {
                throw Failure(
                    problems.map { "  - \($0)" }, heading: "Not fit for production:",
                    advice: "Mend these, or set production to false (--production=false) for development.")
            }
        }
        let composition: Composition
        do {
            composition = try await Composition(configuration, logger: logger)
        } catch {
            throw Failure("The server cannot start: \(error)")
        }
        if !configuration.isProduction {
            logger.notice("development mode: anybody who reaches this server can read its texts at /dev/inbox")
        }
        try await Server(composition: composition, configuration: configuration, logger: logger).run()
    }
}
