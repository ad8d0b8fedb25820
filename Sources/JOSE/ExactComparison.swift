extension String {
    /// Equal byte for byte, as RFC 7519 §2 (StringOrURI) and RFC 8259 §8.3 compare.
    ///
    /// Swift's `==` compares by canonical equivalence, under which two different issuers can be one.
    package func hasSameBytes(as other: String) -> Bool {
        guard utf8.count == other.utf8.count else { return false }
        let areSame = utf8.withContiguousStorageIfAvailable { bytes in
            other.utf8.withContiguousStorageIfAvailable { unsafe bytes.elementsEqual($0) }
        }
        // Strings that are not stored as UTF-8 come from Foundation on Apple's systems.
        return (areSame ?? nil) ?? utf8.elementsEqual(other.utf8)
    }
}
