package import Cryptography
import JOSE

/// Seals a message's words for the queue and opens them for delivery; bound to the message's id, so that rows cannot
/// be swapped.
package struct MessageSeal: Sendable {
    private let key: SealingKey
    private let entropy: Entropy

    package init(secret: [UInt8], entropy: Entropy) {
        key = SealingKey(secret: secret, purpose: "message body")
        self.entropy = entropy
    }

    package func seal(_ content: MessageContent, id: String) -> [UInt8] {
        var object: JSONObject = ["body": .string(content.body)]
        if let subject = content.subject { object["subject"] = .string(subject) }
        for (parameter, value) in content.parameters { object[parameter.rawValue] = .string(value) }
        return key.seal(JSONValue.object(object).serialized(), bindingTo: Array(id.utf8), entropy: entropy)
    }

    /// `nil` when the key changed since it was queued.
    package func open(_ sealed: [UInt8], id: String) -> MessageContent? {
        guard let bytes = try? key.open(sealed, bindingTo: Array(id.utf8)) else { return nil }
        guard let object = try? JSONValue(parsing: bytes), let body = object["body"]?.string else {
            // Version 0.2 sealed the bare words: a text that waits during the upgrade must not be lost.
            return String(validating: bytes, as: UTF8.self).map { MessageContent(body: $0) }
        }
        var parameters: [MessageParameter: String] = [:]
        for parameter in MessageParameter.allCases { parameters[parameter] = object[parameter.rawValue]?.string }
        return MessageContent(body: body, subject: object["subject"]?.string, parameters: parameters)
    }
}
