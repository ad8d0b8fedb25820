import AccountManagement
import Accounts
import Cryptography
import DeveloperLog
import HTTPTypes
import Hummingbird
import OAuth
import PhoneNumbers
import Time

/// Who speaks to the Kii interface.
enum KiiCaller {
    /// The app itself, by its key, which every copy of it holds: a stranger.
    case app
    case user(OpaqueBearer)
    /// The app's own server, with a token of the client.
    case admin
}

/// A request of an app that exists, by a caller whose credentials hold.
struct KiiRequest {
    let request: Request
    let context: DenwaRequestContext
    let client: Client
    let app: KiiApp
    let caller: KiiCaller
    let origin: RequestOrigin
    let now: Timestamp
}

extension HTTPField.Name {
    static let kiiAppID = kii("X-Kii-AppID")
    static let kiiAppKey = kii("X-Kii-AppKey")

    private static func kii(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else { preconditionFailure("not a field name") }
        return name
    }
}

/// The app that a request says it comes from.
struct KiiAppCredentials {
    let id: String
    let key: String

    /// `Authorization: Basic base64(appID:appKey)`, or the two headers that the SDKs send.
    init?(_ request: Request) {
        let parts = (request.headers[.authorization] ?? "").split(separator: " ", maxSplits: 1)
        if parts.count == 2, parts[0].lowercased() == "basic" {
            guard let bytes = Base64.decode(parts[1]), let text = String(validating: bytes, as: UTF8.self),
                let colon = text.firstIndex(of: ":")
            else { return nil }
            (id, key) = (String(text[..<colon]), String(text[text.index(after: colon)...]))
        } else if let id = request.headers[.kiiAppID], let key = request.headers[.kiiAppKey] {
            (self.id, self.key) = (id, key)
        } else {
            return nil
        }
    }

    func isKey(of app: KiiApp?) -> Bool {
        // One comparison, whether or not there is such an app.
        (app?.appKey ?? Self.nobody).isEqualInConstantTime(to: SHA256Digest(of: key)) && app != nil
    }

    private static let nobody = SHA256Digest(of: "no app has this key")
}

/// How a user is named in a path: `me`, an id, or `TYPE:address`.
enum KiiUserReference {
    case me
    case id(AccountID)
    case address(LoginIdentifier)

    /// `nil` for what can name nobody.
    init?(_ text: String) {
        if text == "me" {
            self = .me
        } else if let colon = text.firstIndex(of: ":") {
            guard let identifier = Self.address(text[..<colon], String(text[text.index(after: colon)...])) else {
                return nil
            }
            self = .address(identifier)
        } else {
            self = .id(AccountID(text))
        }
    }

    static func address(_ type: Substring, _ value: String) -> LoginIdentifier? {
        switch type {
        case "LOGIN_NAME": FoldedText(value).map(LoginIdentifier.loginName)
        case "EMAIL": FoldedText(value).map(LoginIdentifier.email)
        case "PHONE": number(value).map(LoginIdentifier.number)
        default: nil
        }
    }

    /// `+819012341234`, or `JP-9012341234`, which is the same one.
    private static func number(_ text: String) -> String? {
        if text.hasPrefix("+") { return (try? PhoneNumber(e164Input: text))?.e164 }
        let parts = text.split(separator: "-", maxSplits: 1)
        guard parts.count == 2, parts[0].utf8.count == 2,
            parts[1].utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains)
        else { return nil }
        return (try? PhoneNumber(parsing: String(parts[1]), region: parts[0].uppercased()))?.e164
    }

    /// What somebody typed as a user name: any of the forms above, or a bare name, number or e-mail address.
    static func userName(_ text: String) -> LoginIdentifier? {
        if let colon = text.firstIndex(of: ":"),
            let typed = address(text[..<colon], String(text[text.index(after: colon)...]))
        {
            return typed
        }
        if text.hasPrefix("+") { return number(text).map(LoginIdentifier.number) }
        guard let folded = FoldedText(text) else { return nil }
        return text.contains("@") ? .nameOrEmail(folded) : .loginName(folded)
    }
}
