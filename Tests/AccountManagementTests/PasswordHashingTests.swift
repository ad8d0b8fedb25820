import Accounts
import Cryptography
import Foundation
import Synchronization
import Testing

/// Every new hash draws its salt on the thread that computes it: a door in the way of the salt holds it there.
private final class Door: Sendable {
    private let isOpen = Atomic(true)
    private let inside = Mutex((now: 0, most: 0))

    var entropy: Entropy { Entropy { [self] count in pass(count) } }
    var level: (now: Int, most: Int) { inside.withLock { $0 } }

    func close() { isOpen.store(false, ordering: .sequentiallyConsistent) }
    func open() { isOpen.store(true, ordering: .sequentiallyConsistent) }

    /// Returns when so many hashes stand at the closed door.
    func fill(to level: Int) async throws {
        while self.level.now < level { try await Task.sleep(for: .milliseconds(2)) }
    }

    private func pass(_ count: Int) -> [UInt8] {
        inside.withLock { $0 = (now: $0.now + 1, most: max($0.most, $0.now + 1)) }
        while !isOpen.load(ordering: .sequentiallyConsistent) { Thread.sleep(forTimeInterval: 0.002) }
        inside.withLock { $0.now -= 1 }
        return Entropy.system.bytes(count)
    }
}

/// The memory that password hashes take is the operator's to bound. On one actor, so that hashes ask for their turn
/// in the order of the test.
@MainActor @Suite(.timeLimit(.minutes(2))) struct PasswordHashingTests {
    private let door = Door()
    private let one = ScryptParameters.standard.memory
    private let moment = Duration.milliseconds(60)

    private func hashing(room: Int, waiting: Int = 100) -> PasswordHashing {
        PasswordHashing(memory: room * one, maximumWaiting: waiting, threads: 8, entropy: door.entropy)
    }

    private func isBusy(_ result: Result<PasswordHash, any Error>) -> Bool {
        if case .failure(PasswordHashing.Failure.busy(let seconds)) = result { seconds > 0 } else { false }
    }

    @Test func `no more are computed at once than the memory holds`() async throws {
        let hashing = hashing(room: 2)
        door.close()
        let tasks = (0..<6).map { index in Task { try await hashing.hash("password \(index)") } }
        try await door.fill(to: 2)
        try await Task.sleep(for: moment)
        #expect(door.level.now == 2)
        door.open()
        for task in tasks { _ = try await task.value }
        #expect(door.level == (now: 0, most: 2))
    }

    @Test func `one always runs, however little memory there is`() async throws {
        let hashing = PasswordHashing(memory: 1, maximumWaiting: 1, threads: 8, entropy: door.entropy)
        let hash = try await hashing.hash("correct horse")
        #expect(hash.verify(password: "correct horse"))
        #expect(door.level.most == 1)
    }

    @Test func `whoever comes to a full queue is told to come back, and the others are served`() async throws {
        let hashing = hashing(room: 1, waiting: 2)
        door.close()
        let tasks = (0..<6).map { index in Task { try await hashing.hash("password \(index)") } }
        try await door.fill(to: 1)
        for task in tasks[3...] { #expect(isBusy(await task.result)) }
        door.open()
        for task in tasks[..<3] { #expect(try await task.value.parameters == .standard) }
        _ = try await hashing.hash("the queue is empty again")
    }

    @Test func `checks and new hashes share the queue`() async throws {
        let hashing = hashing(room: 1, waiting: 0)
        door.close()
        let task = Task { try await hashing.hash("password") }
        try await door.fill(to: 1)
        await #expect(throws: PasswordHashing.Failure.self) { try await hashing.check("password", against: nil) }
        door.open()
        _ = try await task.value
    }

    @Test func `who waits longest is served first`() async throws {
        let hashing = hashing(room: 1)
        var served: [Int] = []
        door.close()
        let tasks = (0..<6).map { index in
            Task {
                _ = try await hashing.hash("password \(index)")
                served.append(index)
            }
        }
        try await door.fill(to: 1)
        door.open()
        for task in tasks { try await task.value }
        #expect(served == Array(0..<6))
    }

    @Test func `a large one waits for its room, and no small one overtakes it`() async throws {
        let hashing = hashing(room: 2)
        let large = try #require(ScryptParameters(logCost: 16, blockSize: 8, parallelism: 1))
        let stored = StoredPassword.own(PasswordHash.make(password: "large", parameters: large, entropy: .system))
        var served: [String] = []
        door.close()
        let first = Task { _ = try await hashing.hash("first") }
        try await door.fill(to: 1)
        let second = Task {
            _ = try await hashing.check("wrong", against: stored)
            served.append("large")
        }
        let third = Task {
            _ = try await hashing.hash("third")
            served.append("small")
        }
        try await Task.sleep(for: moment)
        #expect(door.level.now == 1, "there is room for the small one, but it is not its turn")
        door.open()
        for task in [first, second, third] { try await task.value }
        #expect(served == ["large", "small"])
    }

    @Test func `whoever gives up keeps nobody's place`() async throws {
        let hashing = hashing(room: 1, waiting: 3)
        door.close()
        let tasks = (0..<4).map { index in Task { try await hashing.hash("password \(index)") } }
        try await door.fill(to: 1)
        try await Task.sleep(for: moment)
        for task in tasks[..<3] { task.cancel() }
        door.open()
        _ = try await tasks[3].value
        for task in tasks { _ = await task.result }
        // All room is there again, and the whole queue.
        door.close()
        let more = (0..<5).map { index in Task { try await hashing.hash("more \(index)") } }
        try await door.fill(to: 1)
        #expect(isBusy(await more[4].result))
        door.open()
        for task in more[..<4] { _ = try await task.value }
    }
}

@Suite struct PasswordCheckTests {
    private let hashing = PasswordHashing(memory: 128 << 20, maximumWaiting: 100, threads: 2, entropy: .system)

    /// What a check came to, and the hash to keep from now on.
    private func check(_ password: String, against stored: StoredPassword?) async throws -> (
        isRight: Bool, rehashed: PasswordHash?
    ) {
        switch try await hashing.check(password, against: stored) {
        case .wrong: (false, nil)
        case .right(let rehashed): (true, rehashed)
        }
    }

    @Test func `a password of today's kind is right or wrong, and stays`() async throws {
        let encoded = try await hashing.hash("corréct horse").encoded
        let stored = try #require(StoredPassword(encoded: encoded))
        #expect(stored.encoded == encoded)
        let right = try await check("corréct horse", against: stored)
        #expect(right.isRight && right.rehashed == nil)
        for wrong in ["correct horse", "corréct horse ", "Corréct horse", "corre\u{301}ct horse", ""] {
            #expect(try await check(wrong, against: stored).isRight == false)
        }
    }

    @Test func `two hashes of one password have nothing in common`() async throws {
        #expect(try await hashing.hash("correct horse").encoded != hashing.hash("correct horse").encoded)
    }

    @Test func `nothing is right where there is no password`() async throws {
        for password in ["", "password"] { #expect(try await check(password, against: nil).isRight == false) }
    }

    @Test func `a weaker hash is made anew by the first right password`() async throws {
        let weak = try #require(ScryptParameters(logCost: 4, blockSize: 8, parallelism: 1))
        let stored = StoredPassword.own(
            PasswordHash.make(password: "correct horse", parameters: weak, entropy: .system))
        let rehashed = try #require(try await check("correct horse", against: stored).rehashed)
        #expect(rehashed.parameters == .standard && rehashed.verify(password: "correct horse"))
        #expect(try await check("wrong", against: stored).rehashed == nil)
    }

    /// Of other systems, as `ImportedPasswordHashTests` has them; all of one password.
    static let imported = [
        "$2b$04$abcdefghijklmnopqrstuu3cQdrrZPWH8uMNr7ePK9KU8eOfe35A.",
        "$argon2id$v=19$m=64,t=3,p=4$AAECAwQFBgcICQoLDA0ODw$U5hi/wB1EXRXj5GQFzWzHI26PDtYvaSyO6LjISJOTio",
        "pbkdf2_sha256$1000$kT7gqOWk2Z9e$uldGmnGQ0GWDY5QpFMwGCOXSAw/e6oeUNOba6837qt8=",
    ]

    @Test(arguments: imported)
    func `an imported hash is checked once and replaced by one of today's`(_ encoded: String) async throws {
        let stored = try #require(StoredPassword(encoded: encoded))
        #expect(stored.encoded == encoded, "the row is found again by it")
        #expect(try await check("correct horse", against: stored).isRight == false)
        let rehashed = try #require(try await check("corréct horse", against: stored).rehashed)
        #expect(rehashed.parameters == .standard && rehashed.verify(password: "corréct horse"))
    }

    @Test(arguments: ["", "plain text", "$1$salt$hash", "$scrypt$ln=30,r=8,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA"])
    func `what this server does not compute is no stored password`(_ encoded: String) {
        #expect(StoredPassword(encoded: encoded) == nil)
    }
}
