/// The limits, by the name that the configuration, the developer log and the
/// `RateLimit-Policy` header all use.
package enum LimitName: String, Sendable, CaseIterable {
    case sendPerNumber
    case resendCooldown
    case sendPerIP
    case sendPerClient
    case sendPerRange
    case sendPerCountry
    case confirmPerIP
    case pollPerIP
    case tokenPerClient
    case authorizePerSession
    case pushPerClient
    case pushPerIP
    case proofPerIP
    case guessesPerNumber
    case guessesPerOperation
    /// Texts that nobody confirmed.
    case conversionPerRange
    case conversionPerBlock
    case conversionPerCountry
    case conversionPerClient
    /// Money.
    case dailyBudget
    case monthlyBudget
    case clientDailyBudget
    case clientMonthlyBudget
    case unprovenBudget
    /// Wrong passwords.
    case passwordPerIdentifier
    case passwordPerIP
    case registerPerIP
    case registerClientPerIP
    /// Devices that wait, and guesses at the codes that they show.
    case deviceCodePerIP
    case userCodePerIP
    case userCodeInAll
    /// Messages that strangers ask for at one name.
    case requestCooldown
    /// What strangers can write to the developer log, so that a flood does not fill the disk.
    case logPerAddress
    case logInAll
}
