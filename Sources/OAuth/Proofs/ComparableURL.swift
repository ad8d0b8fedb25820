/// An http URL as RFC 9449 §4.3 compares it: without query and fragment, after the normalisations that RFC 3986
/// §6.2.2 and §6.2.3 call safe (case of scheme and host, escapes of unreserved characters, the default port).
struct ComparableURL: Equatable {
    private let scheme: String
    private let authority: [UInt8]
    private let path: [UInt8]

    init?(_ url: String) {
        guard let separator = url.firstRange(of: "://") else { return nil }
        scheme = url[..<separator.lowerBound].lowercased()
        guard scheme == "http" || scheme == "https" else { return nil }
        let rest = url[separator.upperBound...].prefix { $0 != "?" && $0 != "#" }
        let host = rest.prefix { $0 != "/" }
        guard !host.isEmpty, !host.contains("@"), let path = Self.normalized(rest.dropFirst(host.count)) else {
            return nil
        }
        authority = Self.withoutDefaultPort(host.lowercased(), scheme: scheme)
        self.path = path.isEmpty ? [UInt8(ascii: "/")] : path
    }

    private static func withoutDefaultPort(_ authority: String, scheme: String) -> [UInt8] {
        for suffix in [scheme == "https" ? ":443" : ":80", ":"] where authority.hasSuffix(suffix) {
            return Array(authority.utf8.dropLast(suffix.utf8.count))
        }
        return Array(authority.utf8)
    }

    /// Escapes that say what the character itself would say become that character; the others get capital digits.
    private static func normalized(_ path: Substring) -> [UInt8]? {
        var normalized: [UInt8] = []
        var bytes = path.utf8.makeIterator()
        while let byte = bytes.next() {
            guard byte == UInt8(ascii: "%") else {
                normalized.append(byte)
                continue
            }
            guard let high = bytes.next().flatMap(Self.digit), let low = bytes.next().flatMap(Self.digit) else {
                return nil
            }
            let escaped = high << 4 | low
            if isUnreserved(escaped) {
                normalized.append(escaped)
            } else {
                normalized += Array("%\(escaped < 16 ? "0" : "")\(String(escaped, radix: 16, uppercase: true))".utf8)
            }
        }
        return normalized
    }

    private static func digit(_ byte: UInt8) -> UInt8? { UInt8(String(UnicodeScalar(byte)), radix: 16) }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }
}
