import Synchronization

/// Names that no other row of this process has.
package enum Unique {
    private static let last = Atomic(0)

    package static func name(_ kind: String) -> String {
        "\(kind)-\(last.add(1, ordering: .relaxed).newValue)"
    }
}
