import AccountManagement
import Accounts
import DeveloperLog
import JOSE
import Logging
import OAuth
import Time

/// One call whose backend, device and session format are checked.
struct MonacaCall {
    let params: MonacaParameters
    let client: Client
    let backend: MonacaBackend
    let device: String
    let session: String?
    let origin: RequestOrigin
    let now: Timestamp
    let locales: [String]
    let logger: Logger
}

/// What a call is answered with: its result, and the session that begins with it.
struct MonacaResult {
    let value: JSONValue
    var session: String?

    init(_ value: JSONValue = [:], session: String? = nil) {
        self.value = value
        self.session = session
    }
}

/// The named parameters of a call.
struct MonacaParameters {
    let members: JSONObject

    func text(_ name: String) throws(MonacaError) -> String {
        guard let value = members[name], !value.isNull else { throw .invalid((name, "required")) }
        guard let text = value.string else { throw .invalid((name, "invalid")) }
        guard !text.isEmpty else { throw .invalid((name, "required")) }
        return text
    }

    /// An app's own values: names of letters and digits, since those that begin with an underscore are the
    /// server's.
    func properties(_ name: String, isRequired: Bool = false) throws(MonacaError) -> [AccountProperty] {
        guard let value = members[name], !value.isNull else {
            if isRequired { throw .invalid((name, "required")) }
            return []
        }
        guard let object = value.object else { throw .invalid((name, "invalid")) }
        guard object.count <= AccountProperty.countLimit else { throw .invalid((name, "too_large")) }
        var properties: [AccountProperty] = []
        for member in object.members {
            guard Self.isPropertyName(member.name) else { throw .invalid((name, "invalid")) }
            properties.append(AccountProperty(name: member.name, value: member.value))
        }
        return properties
    }

    func names(_ name: String) throws(MonacaError) -> [String] {
        guard let value = members[name], !value.isNull else { throw .invalid((name, "required")) }
        guard let names = value.array?.compactMap(\.string), names.count == value.array?.count,
            names.count <= AccountProperty.countLimit
        else { throw .invalid((name, "invalid")) }
        return names
    }

    static func isPropertyName(_ name: String) -> Bool {
        func isLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20) }
        guard let first = name.utf8.first, isLetter(first), name.utf8.count <= 128 else { return false }
        return name.utf8.allSatisfy { isLetter($0) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }
}
