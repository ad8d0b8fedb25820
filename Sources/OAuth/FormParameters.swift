/// The parameters of a query or of an `application/x-www-form-urlencoded` body.
///
/// RFC 6749 §3.1 and §3.2: a parameter without a value counts as omitted, unknown ones are ignored, and none
/// may be included more than once. A repeat is an error only when the parameter is asked for: tracking tools
/// repeat parameters of their own, which are none of our business.
package struct FormParameters: Sendable {
    package enum Failure: Error, Sendable, Equatable {
        case repeated, malformed
    }

    /// All of them, as they came.
    package let pairs: [(name: String, value: String)]

    package static let none = FormParameters(pairs: [])

    package init(pairs: [(name: String, value: String)]) { self.pairs = pairs }

    /// No request here has a tenth of them, and every look-up walks all.
    private static let largestCount = 200

    /// Decodes per the URL Standard's form encoding; anything that is not UTF-8 after decoding is refused.
    package init(parsing encoded: some StringProtocol) throws(Failure) {
        var pairs: [(name: String, value: String)] = []
        for part in encoded.utf8.split(separator: UInt8(ascii: "&")) {
            guard pairs.count < Self.largestCount else { throw .malformed }
            let equals = part.firstIndex(of: UInt8(ascii: "="))
            let name = try Self.decode(part[..<(equals ?? part.endIndex)])
            let value = try equals.map { at throws(Failure) in try Self.decode(part[part.index(after: at)...]) } ?? ""
            pairs.append((name, value))
        }
        self.pairs = pairs
    }

    /// `nil` when absent or empty.
    package func optional(_ name: String) throws(Failure) -> String? {
        var found: String?
        // By bytes: to Swift, names that differ only in normalisation are equal.
        for pair in pairs where pair.name.utf8.elementsEqual(name.utf8) {
            guard found == nil else { throw .repeated }
            found = pair.value
        }
        return found?.isEmpty == true ? nil : found
    }

    /// Of a parameter that may be repeated, such as `resource` (RFC 8707 §2).
    package func values(_ name: String) -> [String] {
        pairs.filter { $0.name.utf8.elementsEqual(name.utf8) && !$0.value.isEmpty }.map(\.value)
    }

    package var isEmpty: Bool { pairs.isEmpty }

    package func has(_ name: String) -> Bool { pairs.contains { $0.name.utf8.elementsEqual(name.utf8) } }

    private static func decode(_ bytes: some Collection<UInt8>) throws(Failure) -> String {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(bytes.count)
        var iterator = bytes.makeIterator()
        while let byte = iterator.next() {
            switch byte {
            case UInt8(ascii: "+"): decoded.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard let high = iterator.next().flatMap(hexDigit), let low = iterator.next().flatMap(hexDigit)
                else { throw .malformed }
                decoded.append(high << 4 | low)
            default: decoded.append(byte)
            }
        }
        guard let text = String(validating: decoded, as: UTF8.self), !decoded.contains(0) else { throw .malformed }
        return text
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

extension FormParameters {
    /// The same, in the words of an OAuth endpoint.
    package func value(_ name: String) throws(OAuthError) -> String? {
        do { return try optional(name) } catch {
            throw .invalidRequest("a parameter is repeated")
        }
    }

    package func required(_ name: String, _ missing: StaticString) throws(OAuthError) -> String {
        guard let value = try value(name) else { throw .invalidRequest(missing) }
        return value
    }
}
