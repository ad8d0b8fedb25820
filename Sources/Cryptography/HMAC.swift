/// One-shot HMAC (RFC 2104, RFC 4231).
package enum HMAC {
    package static func sha256(_ message: [UInt8], key: [UInt8]) -> [UInt8] {
        MACTemplate.sha256.authenticate(message, key: key)
    }

    package static func sha384(_ message: [UInt8], key: [UInt8]) -> [UInt8] {
        MACTemplate.sha384.authenticate(message, key: key)
    }

    package static func sha512(_ message: [UInt8], key: [UInt8]) -> [UInt8] {
        MACTemplate.sha512.authenticate(message, key: key)
    }

    /// Only for wire formats of others that demand it (Twilio's receipts, the older Aliyun signature); nothing
    /// of our own design may use it.
    package static func sha1(_ message: [UInt8], key: [UInt8]) -> [UInt8] {
        MACTemplate.sha1.authenticate(message, key: key)
    }

    /// As `sha1`: only for receipts that a provider's account is set to sign like this.
    package static func md5(_ message: [UInt8], key: [UInt8]) -> [UInt8] {
        MACTemplate.md5.authenticate(message, key: key)
    }
}
