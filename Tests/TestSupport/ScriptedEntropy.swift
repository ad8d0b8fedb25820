package import Cryptography
import Synchronization

extension Entropy {
    /// The same bytes in every run, and other bytes for every other seed (SplitMix64).
    package static func seeded(_ seed: UInt64) -> Entropy {
        let generator = SeededGenerator(seed)
        return Entropy { generator.bytes($0) }
    }

    /// Every code drawn from it is `digits`, as long as the code has as many.
    package static func alwaysDrawing(_ digits: String) -> Entropy {
        let values = digits.utf8.map { $0 - UInt8(ascii: "0") }
        return Entropy { count in (0..<count).map { values[$0 % values.count] } }
    }
}

private final class SeededGenerator: Sendable {
    private let state: Mutex<UInt64>

    init(_ seed: UInt64) { state = Mutex(seed) }

    func bytes(_ count: Int) -> [UInt8] {
        state.withLock { state in
            (0..<count).map { _ in
                state &+= 0x9E37_79B9_7F4A_7C15
                var mixed = state
                mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
                mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
                return UInt8(truncatingIfNeeded: (mixed ^ (mixed >> 31)) >> 24)
            }
        }
    }
}
