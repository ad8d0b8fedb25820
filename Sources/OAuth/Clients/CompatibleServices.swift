package import Accounts
package import Cryptography

/// What makes a client an app of the Kii interface (docs/kii.md).
package struct KiiApp: Sendable {
    package var appKey: SHA256Digest
    package var hasPlaintextKey = false
    /// Whether numbers wait until they are proved; otherwise they are used on the app's word.
    package var verifiesNumber = false
    package var verifiesEmail = false
    /// Whether people hear that what they proved is theirs now.
    package var tellsCompletion = false
}

/// What makes a client a backend of the Monaca interface (docs/monaca.md).
package struct MonacaBackend: Sendable {
    package var apiKey: SHA256Digest
    package var hasPlaintextKey = false
    package var allowsAutoLogin = true
    /// In characters.
    package var minimumUsernameLength = 3
    package var minimumPasswordLength = 8
    /// Where a reset token may be mailed: `_username`, and properties that hold the user's own address. Whoever forgot a
    /// password names one, and is a stranger.
    package var emailProperties: Set<String> = ["_username", "email", "mail", "emailAddress"]
}

extension Client {
    /// Kinds of addresses for which this app's word is enough.
    package var acceptsClaims: Set<AddressKind> {
        var kinds: Set<AddressKind> = []
        if kii?.verifiesNumber == false { kinds.insert(.phone) }
        if kii?.verifiesEmail == false { kinds.insert(.email) }
        return kinds
    }
}
