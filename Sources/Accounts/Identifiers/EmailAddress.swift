/// An e-mail address that a message can be sent to.
package struct EmailAddress: Hashable, Sendable {
    /// As it was written.
    package let text: String
    /// As addresses are compared. Local parts are case-sensitive on paper (RFC 5321 §2.4) and nowhere else.
    package let key: FoldedText

    /// `nil` for what no mail server takes: a sane subset of RFC 5321 §4.1.2, without quoted local parts, address
    /// literals, white space and control characters.
    package init?(_ text: String) {
        guard (3...254).contains(text.utf8.count), let at = text.utf8.lastIndex(of: UInt8(ascii: "@")),
            let key = FoldedText(text)
        else { return nil }
        let local = text[..<at]
        let domain = text[text.utf8.index(after: at)...]
        guard (1...64).contains(local.utf8.count), local.unicodeScalars.allSatisfy(Self.isLocal),
            !local.hasPrefix("."), !local.hasSuffix("."), !local.contains(".."), Self.isDomain(domain)
        else { return nil }
        self.text = text
        self.key = key
    }

    private static func isLocal(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII {
            return scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
                || ".!#$%&'*+-/=?^_`{|}~".unicodeScalars.contains(scalar)
        }
        // RFC 6531: letters and digits of any script.
        return scalar.properties.isAlphabetic || scalar.properties.numericType != nil
    }

    private static func isDomain(_ domain: Substring) -> Bool {
        let labels = domain.split(separator: ".", omittingEmptySubsequences: false)
        // A last label of digits is the end of an IP address.
        let isName = labels.last?.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains) == false
        return labels.count >= 2 && isName
            && labels.allSatisfy { label in
                (1...63).contains(label.utf8.count) && !label.hasPrefix("-") && !label.hasSuffix("-")
                    && label.unicodeScalars.allSatisfy {
                        $0 == "-" || ("0"..."9").contains($0) || $0.properties.isAlphabetic
                    }
            }
    }

    /// `a***@example.com`, for logs and pages.
    package var masked: String {
        let parts = text.split(separator: "@")
        return "\(parts[0].prefix(1))***@\(parts.last ?? "")"
    }
}
