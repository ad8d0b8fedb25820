public import Foundation

/// Where a session keeps its tokens, its device's key and what the device is known by.
///
/// All of it opens an account: keep it where only this app reads, and out of backups. A session reads and writes
/// without awaiting, so that nothing can come between; two processes of one app may share a place.
public protocol SecretStorage: Sendable {
    /// What was kept under `name`, if anything.
    func secret(named name: String) throws -> Data?
    /// Keeps `secret` in place of what was there. `nil` forgets it.
    func keep(_ secret: Data?, named name: String) throws
}

/// Keeps secrets for as long as it is there itself: for tests, and for programs that end.
public final class MemoryStorage: SecretStorage, @unchecked Sendable {
    private let lock = NSLock()
    private var secrets: [String: Data] = [:]

    public init() {}

    public func secret(named name: String) -> Data? { lock.withLock { secrets[name] } }

    public func keep(_ secret: Data?, named name: String) { lock.withLock { secrets[name] = secret } }
}
