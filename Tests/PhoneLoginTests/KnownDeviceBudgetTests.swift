import Testing

@testable import PhoneLogin

@Suite struct KnownDeviceBudgetTests {
    /// Every sign-in can make a new device; a budget each would be no limit on what its holder can send or guess.
    @Test func `all known devices of a number share one budget, apart from strangers`() {
        let strangers = PhoneLoginFlow.subject("+819012345678", isKnownDevice: false)
        let devices = PhoneLoginFlow.subject("+819012345678", isKnownDevice: true)
        #expect(strangers != devices)
        #expect(devices != PhoneLoginFlow.subject("+819012345679", isKnownDevice: true))
    }
}
