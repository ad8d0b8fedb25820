import Time

/// Who attacks, and who just wants to sign in.
package struct Scenario: Sendable {
    package enum Attack: String, Sendable, CaseIterable {
        /// One number after the other, range by range.
        case sequential
        /// A number of every range once, so that no range looks suspicious.
        case scattered
        /// Numbers of fifty countries by turns.
        case manyCountries
    }

    package let attack: Attack
    package var attackRequests = 100_000
    /// From how many addresses they come.
    package var attackAddresses = 20_000
    package var honestLogins = 1000
    package var seconds = 9000
    /// From then on; honest people come all the time.
    package var attackBeginsAfterSeconds = 1800
    /// Of honest people; the others mistyped their number, or lost interest.
    package var confirmedPercent = 85

    package init(_ attack: Attack) { self.attack = attack }
}

/// Where honest people are: most in the country under attack, at the client under attack.
enum Place: String, CaseIterable, Sendable {
    case sameCountry
    case otherCountry
    case otherClient
}

/// One person's wish to sign in, or one request of the attack.
struct Arrival: Sendable {
    let at: Timestamp
    let number: String
    let client: String
    let address: String
    /// `nil`: the attack's.
    let place: Place?
    /// How long the person takes to type the code; `nil`: never.
    let confirmsAfterSeconds: Int?
}

extension Scenario {
    /// Everybody in the order of their coming; the same each time.
    func arrivals(from start: Timestamp) -> [Arrival] {
        var random = SplitMix(seed: 20_261_121)
        let attack = (0..<attackRequests).map { index in
            Arrival(
                at: start.adding(
                    milliseconds: Int64(attackBeginsAfterSeconds) * 1000
                        + Int64(seconds - attackBeginsAfterSeconds) * 1000 * Int64(index) / Int64(attackRequests)),
                number: attackedNumber(index), client: "game", address: "10.\(random.below(attackAddresses))",
                place: nil, confirmsAfterSeconds: nil)
        }
        let honest = (0..<honestLogins).map { index -> Arrival in
            let place: Place = index % 10 < 6 ? .sameCountry : index % 10 < 8 ? .otherCountry : .otherClient
            return Arrival(
                at: start.adding(milliseconds: Int64(random.below(seconds * 1000))),
                number: honestNumber(index, place), client: place == .otherClient ? "shop" : "game",
                address: "192.\(index)", place: place,
                confirmsAfterSeconds: random.below(100) < confirmedPercent ? 5 + random.below(55) : nil)
        }
        return (attack + honest).sorted { $0.at < $1.at }
    }

    private func attackedNumber(_ index: Int) -> String {
        switch attack {
        case .sequential: "+8190\(15_500_000 + index)"
        // A step that is no divisor of anything: every range once, all over the plan.
        case .scattered: "+8180\(10_000_000 + (index * 799_993) % 80_000_000)"
        case .manyCountries: Self.countries[index % Self.countries.count].number(index / Self.countries.count)
        }
    }

    /// In ranges of their own.
    private func honestNumber(_ index: Int, _ place: Place) -> String {
        switch place {
        case .sameCountry: "+8170\(10_000_000 + index * 79_999)"
        case .otherCountry: "+491511\(2_000_000 + index * 7919)"
        case .otherClient: "+1212\(2_000_000 + index * 6007)"
        }
    }

    /// Mobile numbers by country: what comes before the last digits, and how many of those there are.
    private struct Plan {
        let prefix: String
        let digits: Int

        func number(_ index: Int) -> String {
            let text = String(index)
            return prefix + String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
        }
    }

    private static let countries: [Plan] = [
        ("+79161", 6), ("+628121", 7), ("+947120", 5), ("+8801711", 6), ("+923001", 6), ("+234803", 7), ("+201001", 6),
        ("+998901", 6), ("+9929", 8), ("+99450", 7), ("+44740", 7), ("+33612", 6), ("+39320", 7), ("+34612", 6),
        ("+351912", 6), ("+31612", 6), ("+32470", 6), ("+41781", 6), ("+43664", 7), ("+45201", 5), ("+46701", 6),
        ("+4740", 6), ("+35840", 7), ("+48501", 6), ("+420601", 6), ("+36201", 6), ("+40721", 6), ("+35987", 7),
        ("+306912", 6), ("+90532", 7), ("+97250", 7), ("+97150", 7), ("+96650", 7), ("+2771", 7), ("+5511987", 6),
        ("+52155", 8), ("+57301", 7), ("+51912", 6), ("+56961", 6), ("+549111", 7), ("+61412", 6), ("+6421", 7),
        ("+6591", 6), ("+60121", 6), ("+66812", 6), ("+84912", 6), ("+63917", 7), ("+886912", 6), ("+85261", 6),
        ("+82101", 7),
    ].map { Plan(prefix: $0.0, digits: $0.1) }
}

/// Randomness that is the same each time (Steele, Lea and Flood 2014).
struct SplitMix {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func below(_ end: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return Int((mixed ^ (mixed >> 31)) % UInt64(end))
    }
}
