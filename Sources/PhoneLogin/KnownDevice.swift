package import Cryptography
package import Time

/// A device that signed in with a number before. Strangers who burn that number's budgets do not burn those of
/// its known devices, which are counted apart, all of them together.
package struct KnownDevice: Sendable, Hashable {
    /// 128 random bits in base64url; names the device's challenges.
    package let id: String

    /// Any place where an account signed in by password before: they share what devices have one by one.
    static let knownPlace = KnownDevice(id: "known place")
}

/// Makes and checks device ids: `base64url(id ‖ issued ‖ HMAC-SHA256(identity, id, issued))`.
///
/// Nothing is stored, so an allowance costs the database nothing. An id only lets its holder guess a few more
/// times at a number it once proved to hold; it signs nobody in.
package struct DeviceRecognition: Sendable {
    private let key: [UInt8]
    private let entropy: Entropy

    /// How long after its last sign-in a device is known: 180 days.
    package static let lifetimeSeconds = 15_552_000

    package init(secret: [UInt8], entropy: Entropy) {
        key = KeyDerivation.hkdfSHA256(secret: secret, info: "denwa known device", length: 32)
        self.entropy = entropy
    }

    package func recognize(_ token: String?, of identity: PhoneIdentity, at now: Timestamp) -> KnownDevice? {
        guard let token, token.utf8.count <= 128, let bytes = Base64URL.decode(token), bytes.count == 56 else {
            return nil
        }
        let id = Array(bytes[..<16])
        let issuedBytes = Array(bytes[16..<24])
        guard equalInConstantTime(Array(bytes[24...]), tag(identity, id: id, issued: issuedBytes)) else {
            return nil
        }
        let issued = Timestamp(milliseconds: issuedBytes.reduce(0) { $0 << 8 | Int64($1) })
        guard now < issued.adding(seconds: Self.lifetimeSeconds) else { return nil }
        return KnownDevice(id: Base64URL.encode(id))
    }

    /// A device id for a number just proved; the same device keeps its identity and starts its lifetime anew.
    package func issue(for known: KnownDevice?, of identity: PhoneIdentity, at now: Timestamp) -> String {
        let id = known.flatMap { Base64URL.decode($0.id) } ?? entropy.bytes(16)
        let issued = (0..<8).map { UInt8(truncatingIfNeeded: now.milliseconds >> (56 - 8 * $0)) }
        return Base64URL.encode(id + issued + tag(identity, id: id, issued: issued))
    }

    private func tag(_ identity: PhoneIdentity, id: [UInt8], issued: [UInt8]) -> [UInt8] {
        HMAC.sha256(id + issued + Array(identity.rawValue.utf8), key: key)
    }
}
