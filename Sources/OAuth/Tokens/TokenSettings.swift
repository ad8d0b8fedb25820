/// Lifetimes in seconds; see `tokens.*` in the configuration reference.
package struct TokenSettings: Sendable, Equatable {
    package var accessLifetimeSeconds = 3600
    /// Idle: every rotation starts it anew.
    package var refreshLifetimeSeconds = 2_592_000
    package var codeLifetimeSeconds = 60
    package var refreshGraceSeconds = 30

    package init() {}
}
