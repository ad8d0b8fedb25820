import DeveloperLog
import Messaging
import OAuth
package import PhoneLogin
package import RateLimiting
package import Storage
package import Time

extension PhoneLoginFixture {
    package func start(
        _ operation: String = Unique.name("operation"), code: String = "246802", charging charges: [LimitCharge] = [],
        on store: SQLStore, at now: Timestamp = .noon
    ) async throws -> PhoneOperationStart {
        try await store.start(self.operation(operation, code: code, at: now), charging: charges, from: .home, at: now)
    }

    package func guess(
        _ code: String, at operation: String, authorizationCode: String = Unique.name("authorization code"),
        charging charges: [LimitCharge] = [], on store: SQLStore, now: Timestamp = .noon
    ) async throws -> PhoneGuessOutcome {
        let guess = guess(code, at: operation, authorizationCode: authorizationCode, now: now)
        return try await store.guess(guess, charging: charges, from: .home, at: now)
    }

    /// A whole login: the account that was signed in to, with `authorizationCode` waiting to be redeemed.
    @discardableResult
    package func signIn(
        authorizationCode: String = Unique.name("authorization code"), on store: SQLStore, at now: Timestamp = .noon
    ) async throws -> PassedOperation {
        let operation = Unique.name("operation")
        guard case .started = try await start(operation, code: "135791", on: store, at: now),
            case .passed(let passed) = try await guess(
                "135791", at: operation, authorizationCode: authorizationCode, on: store, now: now)
        else { throw BrokenFixture() }
        return passed
    }

    /// Takes every text out of the queue, as a provider would see them, oldest first.
    package func takeTexts(on store: SQLStore, at now: Timestamp = .noon) async throws -> [String] {
        try await store.claimMessages(atMost: 1000, leaseUntil: now.adding(seconds: 3600), at: now).map {
            try known(messageSeal.open($0.sealedContent, id: $0.id)).body
        }
    }
}
