import JOSE

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

    package init(parsing encoded: some StringProtocol) throws(Failure) {
        try self.init(parsing: Array(encoded.utf8))
    }

    /// Decodes per the URL Standard's form encoding; anything that is not UTF-8 after decoding is refused.
    package init(parsing encoded: [UInt8]) throws(Failure) {
        var pairs: [(name: String, value: String)] = []
        for part in encoded.split(separator: UInt8(ascii: "&")) {
            guard pairs.count < Self.largestCount else { throw .malformed }
            let equals = part.firstIndex(of: UInt8(ascii: "=")) ?? part.endIndex
            pairs.append((try Self.decode(part[..<equals]), try Self.decode(part[equals...].dropFirst())))
        }
        self.pairs = pairs
    }

    /// `nil` when absent or empty.
    package func optional(_ name: String) throws(Failure) -> String? {
        var found: String?
        // By bytes: to Swift, names that differ only in normalisation are equal.
        for pair in pairs where pair.name.hasSameBytes(as: name) {
            guard found == nil else { throw .repeated }
            found = pair.value
        }
        return found?.isEmpty == true ? nil : found
    }

    /// Of a parameter that may be repeated, such as `resource` (RFC 8707 §2).
    package func values(_ name: String) -> [String] {
        pairs.filter { $0.name.hasSameBytes(as: name) && !$0.value.isEmpty }.map(\.value)
    }

    package var isEmpty: Bool { pairs.isEmpty }

    package func has(_ name: String) -> Bool { pairs.contains { $0.name.hasSameBytes(as: name) } }

    private static func decode(_ bytes: ArraySlice<UInt8>) throws(Failure) -> String {
        // Nearly everything stands for itself.
        if bytes.allSatisfy({ (0x01..<0x80).contains($0) && $0 != UInt8(ascii: "%") && $0 != UInt8(ascii: "+") }) {
            return String(decoding: bytes, as: UTF8.self)
        }
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
