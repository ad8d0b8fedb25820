/// One-shot SHA-2 digests (FIPS 180-4).
package enum Digest {
    package static func sha256(_ message: [UInt8]) -> [UInt8] { MessageDigest.sha256.hash(message) }
    package static func sha384(_ message: [UInt8]) -> [UInt8] { MessageDigest.sha384.hash(message) }
    package static func sha512(_ message: [UInt8]) -> [UInt8] { MessageDigest.sha512.hash(message) }
}
