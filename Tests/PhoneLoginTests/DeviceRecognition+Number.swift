import Time

@testable import PhoneLogin

/// For a number that is its holder's.
extension DeviceRecognition {
    func recognize(_ token: String?, number: String, at now: Timestamp) -> KnownDevice? {
        recognize(token, of: PhoneIdentity(rawValue: number), at: now)
    }

    func issue(for known: KnownDevice?, number: String, at now: Timestamp) -> String {
        issue(for: known, of: PhoneIdentity(rawValue: number), at: now)
    }
}
