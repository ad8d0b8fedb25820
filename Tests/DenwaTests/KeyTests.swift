import Cryptography
import Foundation
import JOSE
import TestSupport
import Testing
import Time

@testable import denwa

@Suite(.timeLimit(.minutes(1))) struct KeyTests {
    private func withDirectory(_ body: (KeyDirectory) throws -> Void) async throws {
        try await withTemporaryDirectory { folder in
            let directory = KeyDirectory(path: "\(folder)/keys", entropy: .system)
            try directory.prepare(at: .noon)
            try body(directory)
        }
    }

    @Test func `the first start makes a key for every algorithm and a secret, for its owner alone`() async throws {
        try await withDirectory { directory in
            #expect(Set(try directory.load().active.keys) == Set(SignatureAlgorithm.allCases))
            #expect(try directory.secret().count == 32)
            #expect(try directory.readableByOthers() == [])
            let files = try FileManager.default.contentsOfDirectory(atPath: directory.path)
            for file in files {
                #expect(try PrivateFile.isReadableByOthers("\(directory.path)/\(file)") == false)
            }
        }
    }

    @Test func `a second start keeps what is there`() async throws {
        try await withDirectory { directory in
            let before = (try directory.entries(), try directory.secret())
            try directory.prepare(at: .noon.adding(seconds: 60))
            #expect(try directory.entries() == before.0)
            #expect(try directory.secret() == before.1)
        }
    }

    @Test func `a rotation signs with the next key and keeps the old one for what it signed`() async throws {
        try await withDirectory { directory in
            let old = try #require(try directory.load().active[.es256])
            let next = try directory.generate(.es256, at: .noon)
            #expect(next.status == .next)
            #expect(try directory.rotate(.es256, at: .noon).kid == next.kid)
            let loaded = try directory.load()
            #expect(loaded.active[.es256]?.kid == next.kid)
            #expect(loaded.keys.contains { $0.kid == old.kid })
            #expect(JWKSet(publishing: loaded.keys).keys.count == 4)
        }
    }

    @Test func `a key retires first and is removed after`() async throws {
        try await withDirectory { directory in
            let key = try directory.generate(.edDSA, at: .noon)
            #expect(try directory.retire(kid: key.kid)?.status == .retired)
            #expect(try directory.retire(kid: key.kid) == nil)
            #expect(!(try directory.entries().contains { $0.kid == key.kid }))
            #expect(throws: KeyDirectory.Problem.self) { try directory.retire(kid: key.kid) }
        }
    }

    @Test func `a key made elsewhere is taken over once`() async throws {
        try await withDirectory { directory in
            let pem = try SigningKey.generate(.es256).pem()
            let entry = try directory.importKey(pem: pem, at: .noon)
            #expect(entry.status == .next)
            #expect(throws: KeyDirectory.Problem.self) { try directory.importKey(pem: pem, at: .noon) }
            #expect(throws: KeyDirectory.Problem.self) { try directory.importKey(pem: "nonsense", at: .noon) }
        }
    }

    @Test func `a kid that is a path is refused`() async throws {
        try await withDirectory { directory in
            let keyset = #"{"keys":[{"kid":"../evil","alg":"ES256","status":"active","created":1}]}"#
            try PrivateFile.save(keyset, to: "\(directory.path)/keyset.json")
            #expect(throws: KeyDirectory.Problem.self) { try directory.entries() }
        }
    }

    @Test func `tokens of a retired key are good until it is removed, over reloads`() async throws {
        try await TestServer.run { server in
            let directory = KeyDirectory(path: "\(server.folder)/keys", entropy: .system)
            let tokens = try await server.tokens("+819012345678")
            let old = try #require(try directory.load().active[.es256]?.kid)
            _ = try directory.rotate(.es256, at: .noon)
            server.composition.reload()
            #expect(try await server.isActive(tokens.access) == true)
            let renewed = try await server.token(["grant_type": "refresh_token", "refresh_token": tokens.refresh])
            let access = try #require(renewed.body?["access_token"]?.string)
            #expect(try UnverifiedJWS(access).kid != old)
            #expect(try await server.isActive(access) == true)
            _ = try directory.retire(kid: old)
            server.composition.reload()
            #expect(try await server.isActive(tokens.access) == false)
            #expect(try await server.isActive(access) == true)
        }
    }

    @Test func `a keyset that cannot be read leaves the running one`() async throws {
        try await TestServer.run { server in
            let tokens = try await server.tokens("+819012345678")
            try PrivateFile.save("{", to: "\(server.folder)/keys/keyset.json")
            server.composition.reload()
            #expect(try await server.isActive(tokens.access) == true)
        }
    }
}
