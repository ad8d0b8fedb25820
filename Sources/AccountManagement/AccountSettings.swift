package import RateLimiting

/// The rules of accounts that an operator can set; see `accounts.*`, `passwords.*` and `limits.*` in the
/// configuration reference.
package struct AccountSettings: Sendable, Equatable {
    /// How long a change of number can be undone from the old one.
    package var undoSeconds = 72 * 3600
    package var emailCodeLifetimeSeconds = 900
    package var minimumPasswordLength = 8
    /// Wrong passwords at one name, from places where nobody signed in with it before; those have as many of their own.
    package var passwordPerIdentifier = Limit(count: 10, windowSeconds: 3600)
    package var passwordPerIP = Limit(count: 120, windowSeconds: 60)
    package var registerPerIP = Limit(count: 600, windowSeconds: 3600)
    /// Pause between two messages that strangers can ask for at one name.
    package var requestCooldownSeconds = 30
    /// `nil`: tokens of the Kii interface last as long as they are asked to.
    package var maximumKiiTokenLifetimeSeconds: Int?

    package init() {}
}
