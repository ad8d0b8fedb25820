package import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Where randomness comes from. A struct of one closure, so that a test can script it.
package struct Entropy: Sendable {
    /// Exactly `count` unpredictable bytes.
    package var bytes: @Sendable (_ count: Int) -> [UInt8]

    package init(bytes: @escaping @Sendable (_ count: Int) -> [UInt8]) { self.bytes = bytes }

    /// The kernel's generator. OpenSSL's own would be asked a dozen times for each login, and takes six times as long
    /// for so few bytes.
    package static let system = Entropy { count in
        var bytes = [UInt8](repeating: 0, count: count)
        unsafe bytes.withUnsafeMutableBytes { bytes in
            // 256 at a time are all that the call gives.
            for start in stride(from: 0, to: bytes.count, by: 256) {
                let part = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[start..<min(start + 256, bytes.count)])
                guard let address = unsafe part.baseAddress, unsafe getentropy(address, part.count) == 0 else {
                    // A server that goes on without randomness issues guessable tokens. There is no safer answer
                    // than to stop.
                    preconditionFailure("the random number generator failed")
                }
            }
        }
        return bytes
    }
}

extension Entropy {
    /// 256 bits in 43 characters: codes, tokens, links, everything whose knowledge is a right.
    package func token() -> String { Base64URL.encode(bytes(32)) }

    /// 128 bits in 22 characters: names that must be unique but open nothing.
    package func identifier() -> String { Base64URL.encode(bytes(16)) }

    /// A code to be typed, uniform over 0…0 to 9…9; leading zeros are kept.
    ///
    /// Bytes from 250 up are drawn again: 256 is no multiple of ten, so `% 10` alone would prefer 0 to 5.
    package func decimalCode(length: Int) -> String {
        var digits = [UInt8]()
        digits.reserveCapacity(length)
        while digits.count < length {
            for byte in bytes(length - digits.count) where byte < 250 {
                digits.append(UInt8(ascii: "0") + byte % 10)
            }
        }
        return String(decoding: digits, as: UTF8.self)
    }

    /// A version 4 UUID in lower case (RFC 9562 §5.4).
    package func uuid() -> String {
        var bytes = bytes(16)
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        return Hex.encodeUUID(bytes)
    }

    /// A version 7 UUID in lower case (RFC 9562 §5.7): 48 bits of time, 74 of chance. For the names of rows that are
    /// written once and many: those of one moment are neighbours in the index, so one page takes them all, where
    /// random names want a page each.
    package func uuid(at now: Timestamp) -> String {
        var bytes = timed(now)
        bytes[6] = bytes[6] & 0x0F | 0x70
        bytes[8] = bytes[8] & 0x3F | 0x80
        return Hex.encodeUUID(bytes)
    }

    /// 48 bits of time and 80 of chance in 22 characters; for the reason that ``uuid(at:)`` gives.
    package func identifier(at now: Timestamp) -> String { Base64URL.encode(timed(now)) }

    /// Milliseconds since 1970 in six bytes, the highest first, and ten unpredictable ones.
    private func timed(_ now: Timestamp) -> [UInt8] {
        stride(from: 40, through: 0, by: -8).map { UInt8(truncatingIfNeeded: now.milliseconds >> $0) } + bytes(10)
    }
}
