package import Accounts
package import Cryptography
package import OAuth
package import RateLimiting
package import Time

/// An operation as the person sees it who opened the link in the text.
package struct LinkedOperation: Sendable, Equatable {
    package let client: ClientID
    package let startedAt: Timestamp
    /// The kind of device that asks; `nil` when nothing is known of it.
    package let askingDevice: String?
    /// The browser that began, if it was one.
    package let browser: SHA256Digest?

    package init(client: ClientID, startedAt: Timestamp, askingDevice: String?, browser: SHA256Digest?) {
        self.client = client
        self.startedAt = startedAt
        self.askingDevice = askingDevice
        self.browser = browser
    }
}

/// The answer of a person who opened the link in the text: an explicit yes or no. Opening it decides nothing.
package struct LinkDecision: Sendable {
    package let operationID: String
    package let link: SHA256Digest
    package let isApproved: Bool
    /// The browser that answers, with the session it gets if it is the one that began.
    package let browser: (digest: SHA256Digest, session: NewSession)?
    package let newAccount: AccountID
    /// As in `PhoneGuess`.
    package let idleBefore: Timestamp?
    /// Takes the place of the texted code after a no: whoever is talked out of that code later gives nothing away.
    package let replacement: OneTimeCode
    package let codeSeal: CodeSeal
    package let confirmed: ConfirmedTraffic
}

package enum LinkOutcome: Sendable, Equatable {
    /// The device that began may finish now: by these operations, texts asked for again included.
    case approved([String])
    /// The browser that answered is the one that began, and is signed in.
    case signedIn(PassedOperation)
    case denied([String])
    /// Unknown, expired, finished or answered otherwise before: one answer for all.
    case gone
    case accountDisabled
    case limited(LimitRefusal)
}

/// Who may ask what became of a link: whoever began the operation.
package enum LinkHolder: Sendable {
    case app(ClientID, isFor: @Sendable (PhoneIdentity) -> Bool)
    case browser(SHA256Digest)
}

package enum LinkState: Sendable, Equatable {
    case waiting
    case approved
    case denied
    /// Signed in, by whichever way.
    case finished
    case gone
    case limited(LimitRefusal)
}

/// What stands for the texted code once a link was approved: derived from the operation's id with a key that is
/// not in the database, so nothing has to be stored or sent before, and every poll gets the same one. It works
/// once, because the operation does.
struct LinkApproval: Sendable {
    private let key: [UInt8]

    init(secret: [UInt8]) {
        key = KeyDerivation.hkdfSHA256(secret: secret, info: "denwa link approval", length: 32)
    }

    func value(for operationID: String) -> String {
        Base64URL.encode(HMAC.sha256(Array(operationID.utf8), key: key))
    }
}

/// Keeps the authorization request of an operation whose text has a link, bound to the operation.
struct ContinuationSeal: Sendable {
    private let key: SealingKey
    private let entropy: Entropy

    init(secret: [UInt8], entropy: Entropy) {
        key = SealingKey(secret: secret, purpose: "continuation")
        self.entropy = entropy
    }

    func seal(_ query: String, operationID: String) -> [UInt8] {
        key.seal(Array(query.utf8), bindingTo: Array(operationID.utf8), entropy: entropy)
    }

    func open(_ sealed: [UInt8], operationID: String) -> String? {
        (try? key.open(sealed, bindingTo: Array(operationID.utf8))).flatMap { String(validating: $0, as: UTF8.self) }
    }
}
