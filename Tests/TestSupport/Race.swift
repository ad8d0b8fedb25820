/// Runs `work` so many times at once. The results come in the order in which they were ready.
package func race<Result: Sendable>(
    _ count: Int, _ work: @escaping @Sendable (_ index: Int) async throws -> Result
) async throws -> [Result] {
    try await withThrowingTaskGroup(of: Result.self) { group in
        for index in 0..<count {
            group.addTask { try await work(index) }
        }
        return try await group.reduce(into: []) { $0.append($1) }
    }
}

extension Array {
    /// The one of several equals whose turn it is, round and round.
    package func turn(_ index: Int) -> Element { self[index % count] }
}
