import Foundation
import Testing

@testable import DenwaClient

/// A running Denwa, named by the environment: `DENWA_ISSUER`, and `DENWA_OUTBOX`, the file that it writes texts to.
/// `Tests/EndToEnd/test_swift_client.py` of the repository starts one and runs these tests.
struct RealServer {
    static let isThere = environment("DENWA_ISSUER") != nil && environment("DENWA_OUTBOX") != nil
    /// Seconds between two texts to a number, when the server insists on any.
    static let cooldown = environment("DENWA_COOLDOWN").flatMap { Int64($0) }
    /// The number of a disabled account.
    static let disabledNumber = environment("DENWA_DISABLED_NUMBER")

    static func environment(_ name: String) -> String? { ProcessInfo.processInfo.environment[name] }

    let issuer: URL
    let outbox: URL

    init() throws {
        issuer = try #require(Self.environment("DENWA_ISSUER").flatMap { URL(string: $0) })
        outbox = URL(fileURLWithPath: try #require(Self.environment("DENWA_OUTBOX")))
    }

    func session(
        storage: any SecretStorage = MemoryStorage(), _ change: (inout DenwaConfiguration) -> Void = { _ in }
    ) -> DenwaSession {
        var configuration = DenwaConfiguration(issuer: issuer, clientID: "swift-app")
        configuration.scope = "openid phone offline_access"
        configuration.languages = ["en"]
        change(&configuration)
        return DenwaSession(configuration, storage: storage)
    }

    /// A session of somebody new.
    func signedIn(
        by flow: SignInFlow = .phoneLogin, storage: MemoryStorage = MemoryStorage(),
        _ change: (inout DenwaConfiguration) -> Void = { _ in }
    ) async throws -> DenwaSession {
        let session = session(storage: storage, change)
        let number = freshNumber()
        let pending = try await session.requestCode(for: number, by: flow)
        try await session.confirm(try await code(to: number), for: pending)
        return session
    }

    /// A Japanese mobile number that no other test uses.
    func freshNumber() -> String { "+8190\(Int.random(in: 10_000_000...99_999_999))" }

    /// The code in the `count`-th text to a number, when it is there.
    func code(to number: String, count: Int = 1) async throws -> String {
        for _ in 0..<500 {
            let codes = try codes(to: number)
            if codes.count >= count { return codes[count - 1] }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw NoText()
    }

    struct NoText: Error {}

    func codes(to number: String) throws -> [String] {
        struct Text: Decodable { let to, body: String }
        guard let written = try? String(contentsOf: outbox, encoding: .utf8) else { return [] }
        let lines = written.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        return try lines.compactMap { line in
            let text = try JSONDecoder().decode(Text.self, from: Data(line.utf8))
            return text.to == number ? String(text.body.prefix(6)) : nil
        }
    }

    /// Six digits that are not `code`.
    func other(than code: String) -> String { code == "111111" ? "222222" : "111111" }
}

/// The claims of an access token that these tests look at.
struct AccessTokenClaims: Decodable {
    struct Confirmation: Decodable { let jkt: String }
    let cnf: Confirmation?

    init(of token: String) throws {
        let part = try #require(token.split(separator: ".").dropFirst().first)
        let payload = try #require(Data(base64URL: part))
        self = try JSONDecoder().decode(Self.self, from: payload)
    }
}
