import Cryptography
import DeveloperLog
import Foundation
import Messaging
import OAuth
import PhoneLogin
import Storage
import TestSupport
import Testing
import Time

/// Whoever copies the files of a running server, or of one that stopped, gets nothing that opens anything.
@Suite struct StolenDatabaseTests {
    @Test func `no code, token or text stands in the files, running or stopped`() async throws {
        try await withDatabaseFile { file in
            let thief = Thief()
            do {
                let store = try file.open()
                try await logIn(on: store, telling: thief)
                let running = try thief.copy(of: file.path)
                #expect(running.keys.contains { $0.hasSuffix("-wal") })
                for (name, bytes) in running { #expect(thief.finds(in: bytes) == [], "in \(name)") }
            }
            let stopped = try thief.copy(of: file.path)
            for (name, bytes) in stopped { #expect(thief.finds(in: bytes) == [], "in \(name)") }
            // What shows that the search would have found something.
            #expect(stopped.values.contains { $0.range(of: Data("+819012345678".utf8)) != nil })
        }
    }

    /// Whole logins of Alice; one is left at every stage.
    private func logIn(on store: SQLStore, telling thief: Thief) async throws {
        var settings = PhoneLoginSettings.tenDigits
        settings.sendPerNumber = nil
        let flow = try PhoneFlow(store: store, settings: settings)
        for stage in 0..<8 {
            flow.clock.advance(seconds: 60)
            let started = try await flow.start()
            let text = try #require(try await flow.takeTexts().first)
            thief.seeks(text.body)
            let code = String(text.body.prefix(10))
            thief.seeks(code)
            if stage == 0 {
                await #expect(throws: PhoneLoginError.self) { try await flow.confirm(started, code: "0000000000") }
            }
            guard stage > 1 else { continue }

            let completed = try await flow.confirm(started, code: code)
            thief.seeks(completed.deviceID)
            let authorizationCode = try known(URLComponents(string: completed.loginURL)?.queryItems?.first?.value)
            thief.seeksToken(authorizationCode)
            guard stage > 2 else { continue }

            var client = TokenFixture()
            let refreshToken = flow.entropy.token()
            thief.seeksToken(refreshToken)
            client.refreshToken = refreshToken
            #expect(try await client.redeem(authorizationCode, on: store, at: flow.clock.now).kind == .redeemed)
            guard stage > 3 else { continue }

            let successor = flow.entropy.token()
            thief.seeksToken(successor)
            let rotation = try await client.rotate(refreshToken, to: successor, on: store, at: flow.clock.now)
            #expect(rotation.kind == .rotated)
            if stage > 4 { _ = try await client.redeem(authorizationCode, on: store, at: flow.clock.now) }
        }
        thief.seeks(bytes: TestSecret.bytes)
    }
}

/// Knows what to look for.
private final class Thief {
    private var targets: [Data] = []

    func seeks(bytes: [UInt8]) { targets.append(Data(bytes)) }

    func seeks(_ text: String) {
        seeks(bytes: Array(text.utf8))
        seeks(bytes: Array(Data(text.utf8).base64EncodedString().utf8.prefix(text.utf8.count)))
    }

    /// A token as it travels, and the random bytes that it stands for.
    func seeksToken(_ token: String) {
        seeks(token)
        if let bytes = Base64URL.decode(token) { seeks(bytes: bytes) }
    }

    func finds(in bytes: Data) -> [String] {
        targets.filter { bytes.range(of: $0) != nil }.map { String(decoding: $0, as: UTF8.self) }
    }

    /// The database's files, copied by another process: one that closes a file of a database which it has open
    /// itself gives up its locks.
    func copy(of path: String) throws -> [String: Data] {
        let from = URL(filePath: path).deletingLastPathComponent()
        let to = from.deletingLastPathComponent().appending(path: UUID().uuidString)
        let copy = Process()
        copy.executableURL = URL(filePath: "/bin/cp")
        copy.arguments = ["-r", from.path(percentEncoded: false), to.path(percentEncoded: false)]
        try copy.run()
        copy.waitUntilExit()
        defer { try? FileManager.default.removeItem(at: to) }
        return Dictionary(
            uniqueKeysWithValues: try FileManager.default.contentsOfDirectory(
                at: to, includingPropertiesForKeys: nil
            ).map { ($0.lastPathComponent, try Data(contentsOf: $0)) })
    }
}
