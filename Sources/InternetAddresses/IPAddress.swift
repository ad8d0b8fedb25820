#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// An address of either family, in network byte order.
package struct IPAddress: Sendable, Hashable {
    /// 4 or 16 bytes.
    package let bytes: [UInt8]

    /// `nil` unless `text` is exactly one address; an IPv4-mapped IPv6 address is taken as the IPv4 one it is.
    package init?(_ text: String) {
        guard text.utf8.count <= 45, let bytes = Self.parse(text, AF_INET, 4) ?? Self.parse(text, AF_INET6, 16) else {
            return nil
        }
        self.init(bytes: bytes)
    }

    /// `nil` unless there are 4 or 16 bytes.
    package init?(bytes: [UInt8]) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        let isMapped = bytes.count == 16 && bytes.starts(with: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF])
        self.bytes = isMapped ? Array(bytes[12...]) : bytes
    }

    private static func parse(_ text: String, _ family: Int32, _ count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        let result = unsafe bytes.withUnsafeMutableBytes { unsafe inet_pton(family, text, $0.baseAddress) }
        return result == 1 ? bytes : nil
    }

    package var isIPv6: Bool { bytes.count == 16 }

    /// In a form that reads back as the same address; the groups of IPv6 are not shortened.
    package var text: String {
        isIPv6 ? groups.joined(separator: ":") : "\(bytes[0]).\(bytes[1]).\(bytes[2]).\(bytes[3])"
    }

    /// Whom limits count: an IPv4 address, or the /64 that one IPv6 subscriber has 2^64 addresses of.
    package var countedAs: String { isIPv6 ? groups[..<4].joined(separator: ":") + "::/64" : text }

    private var groups: [String] {
        stride(from: 0, to: bytes.count, by: 2).map { String(Int(bytes[$0]) << 8 | Int(bytes[$0 + 1]), radix: 16) }
    }
}
