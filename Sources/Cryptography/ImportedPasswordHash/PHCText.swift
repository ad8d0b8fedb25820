/// How the PHC string format, and what came before it, writes numbers and bytes.
enum PHCText {
    /// Digits only, without sign or leading zeros, below a thousand million: one text for one number.
    static func number(_ text: Substring) -> Int? {
        guard (1...9).contains(text.utf8.count), !text.hasPrefix("0"),
            text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        return Int(text)
    }

    /// The numbers of `m=65536,t=3,p=4`; nil unless they are all there, in this order, and nothing else is.
    static func numbers(_ text: Substring, named names: [String]) -> [Int]? {
        let settings = text.split(separator: ",", omittingEmptySubsequences: false)
        guard settings.count == names.count else { return nil }
        var numbers = [Int]()
        for (setting, name) in zip(settings, names) {
            guard setting.hasPrefix("\(name)="), let number = number(setting.dropFirst(name.count + 1)) else {
                return nil
            }
            numbers.append(number)
        }
        return numbers
    }

    /// Base64 without padding; nil also when the number of bytes is not allowed.
    static func bytes(_ text: Substring, count: ClosedRange<Int>) -> [UInt8]? {
        guard let bytes = Base64Alphabet.standard.decode(Array(text.utf8)), count.contains(bytes.count) else {
            return nil
        }
        return bytes
    }

    /// Bytes of salt, as `PasswordHash` allows.
    static let saltLength = 8...64
    /// Bytes of hash, as `PasswordHash` allows: fewer than 16 would let a wrong password pass by luck.
    static let hashLength = 16...64
}
