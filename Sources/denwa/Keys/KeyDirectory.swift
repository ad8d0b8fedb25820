import Cryptography
import JOSE
import OAuth
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

/// The `keys/` folder: `keyset.json`, one file a signing key, and the sealing secret. All of it 0600.
struct KeyDirectory: Sendable {
    enum Status: String, Sendable, CaseIterable {
        /// Published, so that resource servers know it before it signs.
        case next
        /// Signs; one for each algorithm.
        case active
        /// Verifies what it signed, until that has expired.
        case retired
    }

    struct Entry: Sendable, Equatable {
        let kid: String
        let algorithm: SignatureAlgorithm
        var status: Status
        let created: Timestamp
    }

    struct Problem: Error, Sendable, CustomStringConvertible {
        let description: String
    }

    let path: String
    private let entropy: Entropy

    /// What a new folder gets: every `access_token_signed_response_alg` works at once.
    private static let initialAlgorithms = SignatureAlgorithm.allCases

    init(path: String, entropy: Entropy) {
        self.path = path
        self.entropy = entropy
    }

    private var keysetPath: String { "\(path)/keyset.json" }
    private var secretPath: String { "\(path)/secret.key" }

    var isEmpty: Bool { !FileManager.default.fileExists(atPath: keysetPath) }

    /// Makes keys and secret where there are none. Two starts at once make one set.
    func prepare(at now: Timestamp) throws {
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        try FileLock.holding("\(path)/.lock") {
            if !FileManager.default.fileExists(atPath: secretPath) {
                try PrivateFile.save(Base64URL.encode(entropy.bytes(32)) + "\n", to: secretPath)
            }
            guard isEmpty else { return }
            try save(Self.initialAlgorithms.map { try makeKey($0, status: .active, at: now) })
        }
    }

    /// 256 bits that are not in the database: they seal codes and messages, and make refresh tokens and device ids.
    func secret() throws -> [UInt8] {
        let text = try PrivateFile.read(secretPath).filter { !$0.isWhitespace }
        guard let secret = Base64URL.decode(text), secret.count == 32 else {
            throw Problem(description: "\(secretPath): expected 32 bytes in base64url")
        }
        return secret
    }

    func entries() throws -> [Entry] {
        let parsed: JSONValue
        do { parsed = try JSONValue(parsing: Array(try PrivateFile.read(keysetPath).utf8)) } catch let error
            as JSONError
        {
            throw Problem(description: "\(keysetPath): not valid JSON (\(error.reason.rawValue))")
        }
        return try (parsed["keys"]?.array ?? []).map { value in
            guard let kid = value["kid"]?.string, Self.isFileName(kid),
                let algorithm = value["alg"]?.string.flatMap(SignatureAlgorithm.init),
                let status = value["status"]?.string.flatMap(Status.init),
                let created = value["created"]?.integer
            else { throw Problem(description: "\(keysetPath): a key needs kid, alg, status and created") }
            return Entry(kid: kid, algorithm: algorithm, status: status, created: Timestamp(seconds: created))
        }
    }

    /// Every key loaded, and which of them signs.
    func load() throws -> (keys: [JWSKey], active: [SignatureAlgorithm: JWSKey]) {
        var keys: [JWSKey] = []
        var active: [SignatureAlgorithm: JWSKey] = [:]
        for entry in try entries() {
            let key = JWSKey(kid: entry.kid, signing: try signingKey(entry))
            guard key.algorithm == entry.algorithm else {
                throw Problem(description: "\(path): key \(entry.kid) is not an \(entry.algorithm.rawValue) key")
            }
            keys.append(key)
            guard entry.status == .active else { continue }
            guard active.updateValue(key, forKey: entry.algorithm) == nil else {
                throw Problem(description: "\(keysetPath): two active keys for \(entry.algorithm.rawValue)")
            }
        }
        return (keys, active)
    }

    private func signingKey(_ entry: Entry) throws -> SigningKey {
        let file = filePath(entry)
        let text = try PrivateFile.read(file)
        do {
            guard entry.algorithm == .hs256 else { return try SigningKey(pem: text) }
            return try SigningKey(secret: Base64URL.decode(text.filter { !$0.isWhitespace }) ?? [])
        } catch {
            throw Problem(description: "\(file): not a usable \(entry.algorithm.rawValue) key")
        }
    }

    private func filePath(_ entry: Entry) -> String {
        "\(path)/\(entry.kid).\(entry.algorithm == .hs256 ? "key" : "pem")"
    }

    /// A kid names a file, so it must not wander off.
    private static func isFileName(_ kid: String) -> Bool {
        !kid.isEmpty && !kid.hasPrefix(".") && kid.utf8.count <= 128
            && kid.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                    true
                default: false
                }
            }
    }

    /// Files that others than their owner may read.
    func readableByOthers() throws -> [String] {
        try ([secretPath] + entries().map(filePath)).filter { try PrivateFile.isReadableByOthers($0) }
    }
}

// MARK: - Changes

extension KeyDirectory {
    /// A new key; `next` unless its algorithm has no active one yet.
    func generate(_ algorithm: SignatureAlgorithm, at now: Timestamp) throws -> Entry {
        try change { entries in
            let hasActive = entries.contains { $0.algorithm == algorithm && $0.status == .active }
            let entry = try makeKey(algorithm, status: hasActive ? .next : .active, at: now)
            entries.append(entry)
            return entry
        }
    }

    /// The next key of an algorithm becomes active and the active one retires; without a next one a new key is made.
    func rotate(_ algorithm: SignatureAlgorithm, at now: Timestamp) throws -> Entry {
        try change { entries in
            for index in entries.indices where entries[index].algorithm == algorithm && entries[index].status == .active
            {
                entries[index].status = .retired
            }
            if let next = entries.firstIndex(where: { $0.algorithm == algorithm && $0.status == .next }) {
                entries[next].status = .active
                return entries[next]
            }
            let entry = try makeKey(algorithm, status: .active, at: now)
            entries.append(entry)
            return entry
        }
    }

    /// Takes a key out of use: an active or next one retires, a retired one is removed with its file.
    func retire(kid: String) throws -> Entry? {
        try change { entries in
            guard let index = entries.firstIndex(where: { $0.kid == kid }) else {
                throw Problem(description: "there is no key \(kid)")
            }
            guard entries[index].status == .retired else {
                entries[index].status = .retired
                return entries[index]
            }
            let removed = entries.remove(at: index)
            try? FileManager.default.removeItem(atPath: filePath(removed))
            return nil
        }
    }

    /// Takes over a PKCS#8 PEM key; `next` unless its algorithm has no active one yet.
    func importKey(pem: String, at now: Timestamp) throws -> Entry {
        let key: SigningKey
        do { key = try SigningKey(pem: pem) } catch {
            throw Problem(description: "not an unencrypted PKCS#8 key: P-256, Ed25519, or RSA of 2048 bits or more")
        }
        return try change { entries in
            let kid = try JSONWebKey(verificationKey: key.verificationKey, kid: nil).thumbprint
            guard !entries.contains(where: { $0.kid == kid }) else {
                throw Problem(description: "key \(kid) is there already")
            }
            let hasActive = entries.contains { $0.algorithm == key.algorithm && $0.status == .active }
            let entry = Entry(
                kid: kid, algorithm: key.algorithm, status: hasActive ? .next : .active, created: now)
            try PrivateFile.save(try key.pem(), to: filePath(entry))
            entries.append(entry)
            return entry
        }
    }

    private func change<Result>(_ body: (inout [Entry]) throws -> Result) throws -> Result {
        guard !isEmpty else {
            throw Problem(description: "\(path) has no keys: `denwa keys generate` makes them")
        }
        return try FileLock.holding("\(path)/.lock") {
            var entries = try entries()
            let result = try body(&entries)
            try save(entries)
            return result
        }
    }

    private func makeKey(_ algorithm: SignatureAlgorithm, status: Status, at now: Timestamp) throws -> Entry {
        var kid: String
        var content: String
        repeat {
            if algorithm == .hs256 {
                kid = entropy.identifier()
                content = Base64URL.encode(entropy.bytes(32)) + "\n"
            } else {
                let key = try SigningKey.generate(algorithm)
                kid = try JSONWebKey(verificationKey: key.verificationKey, kid: nil).thumbprint
                content = try key.pem()
            }
            // A kid is an argument of `denwa keys retire`, where a hyphen in front would make it an option.
        } while kid.hasPrefix("-")
        let entry = Entry(kid: kid, algorithm: algorithm, status: status, created: now)
        try PrivateFile.save(content, to: filePath(entry))
        return entry
    }

    /// Written beside and renamed over, so that a reader never sees half a file.
    private func save(_ entries: [Entry]) throws {
        let list = entries.map { entry -> JSONValue in
            [
                "kid": .string(entry.kid), "alg": .string(entry.algorithm.rawValue),
                "status": .string(entry.status.rawValue), "created": .integer(entry.created.seconds),
            ]
        }
        let text = JSONValue.object(["keys": .array(list)]).serializedText + "\n"
        try PrivateFile.save(text, to: keysetPath + ".new")
        guard unsafe rename(keysetPath + ".new", keysetPath) == 0 else {
            throw Problem(description: "\(keysetPath): cannot be written")
        }
    }
}
