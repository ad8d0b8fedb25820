extension String {
    /// Equal byte for byte, as RFC 7519 §2 (StringOrURI) and RFC 8259 §8.3 compare.
    ///
    /// Swift's `==` compares by canonical equivalence, under which two different issuers can be one. It is asked
    /// first only because it is quick to say no.
    func hasSameBytes(as other: String) -> Bool {
        utf8.count == other.utf8.count && self == other && utf8.elementsEqual(other.utf8)
    }
}
