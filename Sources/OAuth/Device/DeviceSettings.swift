package import RateLimiting

/// See `device.*` in the configuration reference.
package struct DeviceSettings: Sendable, Equatable {
    /// Of the device code and of the user code (RFC 8628 §3.2, `expires_in`).
    package var codeLifetimeSeconds = 600
    /// What a device waits between two polls, to begin with.
    package var intervalSeconds = 5
    /// User codes that one address may get wrong.
    package var userCodePerIP = Limit(count: 20, windowSeconds: 300)
    /// Device codes that one address may ask for.
    package var deviceCodePerIP = Limit(count: 120, windowSeconds: 60)

    package init() {}
}
