import ArgumentParser
import Cryptography
import JOSE
import Messaging
import OAuth
import PhoneNumbers
import Storage
import Time

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif
#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Looks at everything a server needs, and says how to mend what is not right.
struct Doctor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check libraries, database, keys, clients, clock and port, and say how to mend each.")
    @Flag(help: "Print JSON.") var json = false

    struct Finding {
        let subject: String
        let isFine: Bool
        let text: String
    }

    func run() async throws {
        let findings = await examine()
        if json {
            let list = findings.map { finding -> JSONValue in
                ["subject": .string(finding.subject), "ok": .bool(finding.isFine), "text": .string(finding.text)]
            }
            print(JSONValue.array(list).serializedText)
        } else {
            for finding in findings {
                print("\(finding.isFine ? "ok  " : "BAD ") \(finding.subject.padded(to: 14)) \(finding.text)")
            }
        }
        if findings.contains(where: { !$0.isFine }) { throw ExitCode.failure }
    }

    private func examine() async -> [Finding] {
        let configuration: ServerConfiguration
        do {
            configuration = try Invocation.current.configuration().0
        } catch {
            return [Finding(subject: "configuration", isFine: false, text: "\(error)")]
        }
        let mode = configuration.isProduction ? "production" : "development"
        return [
            Finding(subject: "configuration", isFine: true, text: "\(mode), issuer \(configuration.issuer.url)"),
            cryptography(), phoneNumbers(), await database(configuration), keys(configuration),
            clients(configuration), connectors(configuration), clock(), port(configuration), production(configuration),
        ].compactMap(\.self)
    }

    private func check(_ subject: String, mend: String, _ body: () throws -> String) -> Finding {
        do { return Finding(subject: subject, isFine: true, text: try body()) } catch {
            return Finding(subject: subject, isFine: false, text: "\(error). \(mend)")
        }
    }

    private func cryptography() -> Finding {
        check("OpenSSL", mend: "Install libssl3 of OpenSSL 3.0 or later.") {
            let key = try SigningKey.generate(.es256)
            let message = Array("doctor".utf8)
            guard key.verificationKey.verify(try key.sign(message), of: message) else {
                throw Failure("a signature does not verify")
            }
            return "signs and verifies"
        }
    }

    private func phoneNumbers() -> Finding {
        check("libphonenumber", mend: "Install libphonenumber8.") {
            let number = try PhoneNumber(e164Input: "+819012345678")
            return "knows \(number.masked) as a \(number.lineType.rawValue) number of \(number.region)"
        }
    }

    private func database(_ configuration: ServerConfiguration) async -> Finding {
        let database = configuration.database
        guard database.isThere else {
            return Finding(
                subject: "database", isFine: true, text: "\(database.description) will be made at first start")
        }
        do {
            let store = SQLStore(engine: try await database.open())
            let pending = try await store.pendingMigrations()
            let state = pending.isEmpty ? "up to date" : "behind by \(pending.count), see `denwa migrate --plan`"
            return Finding(
                subject: "database", isFine: true, text: "\(database.description) can be written, schema \(state)")
        } catch {
            return Finding(
                subject: "database", isFine: false,
                text: "\(error). Give this user write access to the folder, or set database.url.")
        }
    }

    private func keys(_ configuration: ServerConfiguration) -> Finding {
        let directory = KeyDirectory(path: configuration.keysDirectory, entropy: .system)
        if directory.isEmpty {
            return Finding(
                subject: "keys", isFine: !configuration.isProduction,
                text: "\(directory.path) is empty; `denwa serve` makes keys in development, "
                    + "`denwa keys generate` everywhere")
        }
        return check("keys", mend: "Keys that cannot be read come back from a backup, see docs/keys.md.") {
            let loaded = try directory.load()
            _ = try directory.secret()
            let open = try directory.readableByOthers()
            guard open.isEmpty else { throw Failure("chmod 600 is missing on \(open.joined(separator: ", "))") }
            let active = loaded.active.keys.map(\.rawValue).sorted().joined(separator: ", ")
            return "\(loaded.keys.count) keys, signing with \(active)"
        }
    }

    private func clients(_ configuration: ServerConfiguration) -> Finding {
        check("clients", mend: "See docs/clients.md.") {
            guard let data = FileManager.default.contents(atPath: configuration.clientsFile) else {
                throw Failure("\(configuration.clientsFile) cannot be read")
            }
            let clients = try ClientFile(parsing: Array(data)).clients
            let directory = KeyDirectory(path: configuration.keysDirectory, entropy: .system)
            var problems = LogoFile.problems(of: clients, namedIn: configuration.clientsFile)
            if !directory.isEmpty {
                problems += MissingKeys.problems(clients: clients, active: try directory.load().active)
            }
            guard problems.isEmpty else { throw Failure(problems.joined(separator: "; ")) }
            return "\(clients.count) registered in \(configuration.clientsFile)"
        }
    }

    private func connectors(_ configuration: ServerConfiguration) -> Finding {
        check("texts", mend: "See docs/messages.md.") {
            _ = try Composition.readTemplates(configuration)
            let names = configuration.connectors.map(\.name).joined(separator: ", then ")
            return "sent by \(names); try one with `denwa messages test`"
        }
    }

    private func clock() -> Finding {
        // Built in 2026: a clock before that makes every token expire in the past or the far future.
        let isPlausible = WallClock.system.now() > Timestamp(seconds: 1_767_225_600)
        return Finding(
            subject: "clock", isFine: isPlausible,
            text: "\(WallClock.system.now().internetDate)" + (isPlausible ? "" : ". Set it, and run an NTP client."))
    }

    private func port(_ configuration: ServerConfiguration) -> Finding {
        let isFree = Self.canListen(port: configuration.port)
        return Finding(
            subject: "port", isFine: isFree,
            text: isFree
                ? "\(configuration.port) is free"
                : "\(configuration.port) is taken (perhaps by a running denwa) or not allowed: "
                    + "stop what uses it, or set http.port.")
    }

    /// Tries the port on the loopback address, as the server would with its default host.
    private static func canListen(port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var reuse: Int32 = 1
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<Int32>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(truncatingIfNeeded: port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
    }

    private func production(_ configuration: ServerConfiguration) -> Finding? {
        guard configuration.isProduction else { return nil }
        let problems = ProductionChecks.problems(of: configuration)
        return Finding(
            subject: "production", isFine: problems.isEmpty,
            text: problems.isEmpty ? "nothing is only fit for development" : problems.joined(separator: "; "))
    }
}
