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

/// Files that only their owner may read, from the moment they exist.
enum PrivateFile {
    static func read(_ path: String) throws -> String {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw KeyDirectory.Problem(description: "\(path): cannot be read")
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw KeyDirectory.Problem(description: "\(path): not UTF-8 text")
        }
        return text
    }

    static func save(_ text: String, to path: String) throws {
        let file = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw KeyDirectory.Problem(description: "\(path): cannot be written") }
        defer { close(file) }
        let bytes = Array(text.utf8)
        let written = unsafe bytes.withUnsafeBytes { unsafe write(file, $0.baseAddress, $0.count) }
        guard written == bytes.count, fsync(file) == 0 else {
            throw KeyDirectory.Problem(description: "\(path): cannot be written")
        }
    }

    static func isReadableByOthers(_ path: String) throws -> Bool {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        let mode = (attributes[.posixPermissions] as? Int) ?? 0
        return mode & 0o077 != 0
    }
}

/// One process at a time, by a lock on a file that the kernel drops when its holder dies.
enum FileLock {
    static func holding<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
        let file = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0, flock(file, LOCK_EX) == 0 else {
            throw KeyDirectory.Problem(description: "\(path): cannot be locked")
        }
        defer { close(file) }
        return try body()
    }
}
