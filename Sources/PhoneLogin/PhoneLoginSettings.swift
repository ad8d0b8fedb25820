package import RateLimiting

/// The rules of the phone flow that an operator can set; see `phone.*` and `limits.*` in the configuration reference.
package struct PhoneLoginSettings: Sendable, Equatable {
    package var codeLength = 6
    package var codeLifetimeSeconds = 180
    package var maxGuesses = 5
    /// Over all operations and clients.
    package var guessesPerNumber = Limit(count: 10, windowSeconds: 3600)
    /// ISO 3166-1 alpha-2; empty allows all.
    package var allowedCountries: Set<String> = []
    package var resendCooldownSeconds = 30
    package var sendPerNumber = Limit(count: 5, windowSeconds: 3600)
    package var sendPerIP = Limit(count: 20, windowSeconds: 3600)
    package var sendPerClient = Limit(count: 1000, windowSeconds: 60)
    /// Off: the guard counts the texts that nobody confirms, and a limit on all of them would stop a launch.
    package var sendPerRange: Limit?
    package var sendPerCountry: Limit?
    package var confirmPerIP = Limit(count: 60, windowSeconds: 60)
    /// Polls for an answer to a link; one waits up to 20 seconds.
    package var pollPerIP = Limit(count: 600, windowSeconds: 60)
    /// How long a poll waits for an answer to a link: what the SDKs expect.
    package var linkPollSeconds = 20

    /// A number that nobody proved for so long may have a new holder. A login by it alone then opens a fresh
    /// account; `nil`: never.
    package var numberIdleSeconds: Int? = 365 * 86_400

    package init() {}

    var resendCooldown: Limit? { Limit(count: 1, windowSeconds: resendCooldownSeconds) }
}
