import DeveloperLog
import RateLimiting
import Storage
import TestSupport
import Testing
import Time

@Suite(.timeLimit(.minutes(1))) struct LogBudgetTests {
    private func event(_ kind: SecurityEvent.Kind, from address: String, at now: Timestamp = .noon) -> SecurityEvent {
        SecurityEvent(kind, at: now, origin: RequestOrigin(requestID: "request", address: address), reason: "refused")
    }

    private func count(_ store: SQLStore) async throws -> Int { try await store.count("security_event") }

    @Test(arguments: Backend.allCases)
    func `a flood of refusals is written up to its address' budget, and nobody else's is touched`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            try await withThrowingDiscardingTaskGroup { group in
                for _ in 0..<1200 {
                    group.addTask { try await store.record(event(.operationUnknown, from: "192.0.2.1")) }
                }
            }
            #expect(try await count(store) == 1000)
            try await store.record(event(.sendRefused, from: "192.0.2.1"))
            #expect(try await count(store) == 1000)
            try await store.record(event(.sendRefused, from: "192.0.2.2"))
            #expect(try await count(store) == 1001)
            // It drains: a thousand an hour is one in 3.6 seconds.
            try await store.record(event(.sendRefused, from: "192.0.2.1", at: .noon.adding(seconds: 4)))
            #expect(try await count(store) == 1002)
        }
    }

    @Test(arguments: Backend.allCases)
    func `what needs a code, a token or an operator is always written`(on backend: Backend) async throws {
        try await backend.withStore { store in
            for _ in 0..<1000 { try await store.record(event(.codeRefused, from: "192.0.2.1")) }
            for kind in SecurityEvent.Kind.allCases where !kind.isFree {
                try await store.record(event(kind, from: "192.0.2.1"))
            }
            #expect(try await count(store) == 1000 + SecurityEvent.Kind.allCases.filter { !$0.isFree }.count)
        }
    }
}
