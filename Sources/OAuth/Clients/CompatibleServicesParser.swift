import Cryptography
import JOSE

/// Reads the `kii` or `monaca` section of a client and collects what is wrong with it.
struct ServiceSectionParser {
    private let section: String
    private let members: JSONObject
    private var read: Set<String> = []
    private(set) var problems: [String] = []
    private(set) var warnings: [String] = []

    init(_ section: String, _ value: JSONValue) {
        self.section = section
        members = value.object ?? JSONObject()
        if value.object == nil { problems.append("\(section) must be an object") }
    }

    mutating func kii() -> KiiApp? {
        let key = key("app_key")
        var app = KiiApp(appKey: key?.digest ?? SHA256Digest(of: ""))
        app.hasPlaintextKey = key?.isPlaintext ?? false
        app.verifiesNumber = flag("verify_phone", fallback: app.verifiesNumber)
        app.verifiesEmail = flag("verify_email", fallback: app.verifiesEmail)
        app.tellsCompletion = flag("completion_messages", fallback: app.tellsCompletion)
        warnAboutUnknownMembers()
        return key == nil ? nil : app
    }

    mutating func monaca() -> MonacaBackend? {
        let key = key("api_key")
        var backend = MonacaBackend(apiKey: key?.digest ?? SHA256Digest(of: ""))
        backend.hasPlaintextKey = key?.isPlaintext ?? false
        backend.allowsAutoLogin = flag("auto_login", fallback: backend.allowsAutoLogin)
        backend.minimumUsernameLength = length("minimum_username_length", fallback: 3, atMost: 255)
        backend.minimumPasswordLength = length("minimum_password_length", fallback: 8, atMost: 80)
        backend.emailProperties = names("email_properties", fallback: backend.emailProperties)
        warnAboutUnknownMembers()
        return key == nil ? nil : backend
    }

    private mutating func key(_ name: String) -> (digest: SHA256Digest, isPlaintext: Bool)? {
        read.formUnion([name, "\(name)_sha256"])
        switch (members[name]?.string, members["\(name)_sha256"]?.string) {
        case (let plain?, nil) where plain.utf8.count >= 8: return (SHA256Digest(of: plain), true)
        case (nil, let hashed?):
            if let digest = Hex.decode(hashed).flatMap({ SHA256Digest(bytes: $0) }) { return (digest, false) }
            problems.append("\(section).\(name)_sha256 must be 64 hexadecimal digits")
        case (_?, _?): problems.append("\(section).\(name) and \(section).\(name)_sha256 exclude each other")
        default: problems.append("\(section).\(name) must be a text of 8 characters or more")
        }
        return nil
    }

    private mutating func flag(_ name: String, fallback: Bool) -> Bool {
        read.insert(name)
        guard let value = members[name] else { return fallback }
        guard let flag = value.bool else {
            problems.append("\(section).\(name) must be true or false")
            return fallback
        }
        return flag
    }

    private mutating func names(_ name: String, fallback: Set<String>) -> Set<String> {
        read.insert(name)
        guard let value = members[name] else { return fallback }
        guard let names = value.array?.compactMap(\.string), names.count == value.array?.count else {
            problems.append("\(section).\(name) must be a list of texts")
            return fallback
        }
        return Set(names)
    }

    private mutating func length(_ name: String, fallback: Int, atMost most: Int64) -> Int {
        read.insert(name)
        guard let value = members[name] else { return fallback }
        guard let length = value.integer, (1...most).contains(length) else {
            problems.append("\(section).\(name) must be an integer from 1 to \(most)")
            return fallback
        }
        return Int(length)
    }

    private mutating func warnAboutUnknownMembers() {
        for member in members.members where !read.contains(member.name) {
            warnings.append("unknown member \"\(section).\(member.name)\"")
        }
    }
}
