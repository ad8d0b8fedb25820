import InternetAddresses
import OAuth
import RateLimiting
import Web

/// Kinds of settings: each is read from its text in one way.
extension ConfigurationReader {
    mutating func text(_ name: String, _ fallback: String) -> String {
        guard let (value, source) = sources.text(name) else { return fallback }
        if value.isEmpty { sources.report("\(source) must not be empty") }
        return value
    }

    mutating func color(_ name: String) -> BrandColor? {
        guard let (value, source) = sources.text(name) else { return nil }
        guard let color = BrandColor(value) else {
            sources.report("\(source) must be written #rrggbb")
            return nil
        }
        return color
    }

    mutating func integer(_ name: String, _ fallback: Int, in range: ClosedRange<Int>) -> Int {
        guard let (value, source) = sources.text(name) else { return fallback }
        guard let integer = Int(value), range.contains(integer) else {
            sources.report("\(source) must be an integer from \(range.lowerBound) to \(range.upperBound)")
            return fallback
        }
        return integer
    }

    mutating func flag(_ name: String) -> Bool? {
        guard let (value, source) = sources.text(name) else { return nil }
        guard let flag = Bool(value.lowercased()) else {
            sources.report("\(source) must be true or false")
            return nil
        }
        return flag
    }

    mutating func list(_ name: String) -> [String] {
        guard let (value, _) = sources.text(name) else { return [] }
        return value.split(separator: ",").map { String($0.filter { !$0.isWhitespace }) }.filter { !$0.isEmpty }
    }

    mutating func networks(_ name: String) -> [IPNetwork] {
        list(name).compactMap { text in
            guard let network = IPNetwork(text) else {
                sources.report("\(name) takes addresses and networks such as 10.0.0.0/8")
                return nil
            }
            return network
        }
    }

    /// `0` switches a limit off.
    mutating func limit(_ name: String, _ fallback: Limit?) -> Limit? {
        guard let (value, source) = sources.text(name) else { return fallback }
        if value == "0" { return nil }
        guard let limit = Limit(parsing: value) else {
            sources.report("\(source) must be \"<count>/<seconds>\" or 0")
            return fallback
        }
        return limit
    }

    mutating func choice<Choice: RawRepresentable>(_ name: String, _ fallback: Choice) -> Choice
    where Choice.RawValue == String { optionalChoice(name) ?? fallback }

    mutating func optionalChoice<Choice: RawRepresentable>(_ name: String) -> Choice?
    where Choice.RawValue == String {
        guard let (value, source) = sources.text(name) else { return nil }
        guard let choice = Choice(rawValue: value) else {
            sources.report("\(source) has a value that is not known")
            return nil
        }
        return choice
    }
}
