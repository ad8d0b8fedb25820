/// The work factors of scrypt (RFC 7914 §2), within bounds this server is willing to compute.
package struct ScryptParameters: Hashable, Sendable {
    /// Binary logarithm of N, the CPU and memory cost.
    package let logCost: Int
    /// r
    package let blockSize: Int
    /// p
    package let parallelism: Int

    /// N = 2^15, r = 8, p = 1: 32 MiB, about 70 ms of one core.
    package static let standard = ScryptParameters(uncheckedLogCost: 15, blockSize: 8, parallelism: 1)

    /// The upper bounds keep a row that somebody imported or tampered with from taking gigabytes: N·r of 2^20, and
    /// the blocks beside it.
    private static let memoryLimit = 129 << 20
    /// N·r·p: about 0.6 s of one core.
    private static let workLimit = 1 << 21

    /// Nil when out of bounds.
    package init?(logCost: Int, blockSize: Int, parallelism: Int) {
        guard (1...20).contains(logCost), (1...32).contains(blockSize), (1...16).contains(parallelism) else {
            return nil
        }
        self.init(uncheckedLogCost: logCost, blockSize: blockSize, parallelism: parallelism)
        // RFC 7914 §2: N < 2^(128 r / 8), which only r = 1 could break.
        guard memory <= Self.memoryLimit, (blockSize * parallelism) << logCost <= Self.workLimit,
            logCost < 16 * blockSize
        else { return nil }
    }

    private init(uncheckedLogCost logCost: Int, blockSize: Int, parallelism: Int) {
        self.logCost = logCost
        self.blockSize = blockSize
        self.parallelism = parallelism
    }

    /// N
    var cost: UInt64 { 1 << UInt64(logCost) }

    /// Bytes one computation takes: the table of RFC 7914 §5 and the blocks beside it.
    package var memory: Int { 128 * blockSize * ((1 << logCost) + parallelism + 2) }
}
