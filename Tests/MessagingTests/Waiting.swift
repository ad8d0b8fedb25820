import Synchronization
import TestSupport

/// Returns when `condition` holds: the test waits for what must come, and the suite's time limit for what does not.
func eventually(_ condition: () async throws -> Bool) async throws {
    while try await !condition() { try await Task.sleep(for: .milliseconds(5)) }
}

/// How many are inside.
final class Level: Sendable {
    private let level = Atomic(0)

    var value: Int { level.load(ordering: .sequentiallyConsistent) }
    func rise() -> Int { level.add(1, ordering: .sequentiallyConsistent).newValue }
    func fall() { level.subtract(1, ordering: .sequentiallyConsistent) }
}
