import Cryptography
import Testing

@Suite(.timeLimit(.minutes(1))) struct KeyConcurrencyTests {
    /// One context is shared by all and only ever copied; a data race here shows as a bad signature or a crash.
    @Test(arguments: SignatureAlgorithm.allCases)
    func `many threads sign and verify with one key`(_ algorithm: SignatureAlgorithm) async throws {
        let key = try SigningKey.generate(algorithm)
        let good = try await withThrowingTaskGroup(of: Int.self) { group in
            for task in 0..<16 {
                group.addTask { @concurrent in
                    var good = 0
                    for round in 0..<50 {
                        let message = Array("\(task) \(round)".utf8)
                        let signature = try key.sign(message)
                        if key.verificationKey.verify(signature, of: message) { good += 1 }
                        if key.verificationKey.verify(signature, of: message + [0]) { good -= 1000 }
                    }
                    return good
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(good == 16 * 50)
    }

    /// The queue is the thread's: a failure that left an entry behind would be blamed on the next caller.
    @Test func `a refused signature leaves no error for the next caller`() throws {
        let key = try SigningKey.generate(.rs256)
        for _ in 0..<10 { #expect(!key.verificationKey.verify([1, 2, 3], of: [4])) }
        #expect(throws: CryptographyError.unreadableKey) { try SigningKey(pem: "x") }
        #expect(key.verificationKey.verify(try key.sign([4]), of: [4]))
    }

    @Test func `a key may be let go while its verification key lives on`() throws {
        var key: SigningKey? = try SigningKey.generate(.es256)
        let signature = try #require(try key?.sign([1]))
        let verificationKey = try #require(key?.verificationKey)
        key = nil
        #expect(verificationKey.verify(signature, of: [1]))
    }
}
