import JOSE
package import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Appends one JSON line a text to a file, for tests and development.
///
/// The file is opened for every line, so that one that was moved away (a log rotation) is made anew, and each line
/// is one write with `O_APPEND`, so that lines of several processes never mix.
package struct FileConnector: MessageConnector {
    package let channels = Set(MessageChannel.allCases)
    private let path: String

    package init(path: String) { self.path = path }

    package func send(_ message: TextMessage, at now: Timestamp) async -> SendResult {
        var line: JSONObject = [
            "id": .string(message.id),
            "to": .string(message.recipient),
            "body": .string(message.body),
            "template": .string(message.template.rawValue),
            "locale": .string(message.locale),
            "channel": .string(message.channel.rawValue),
            "created_at": .string(message.createdAt.internetDate),
        ]
        line["subject"] = message.content.subject.map(JSONValue.string)
        var bytes = JSONValue.object(line).serialized()
        bytes.append(UInt8(ascii: "\n"))
        return SendResult(append(bytes) ? .accepted(providerID: nil) : .unreachable)
    }

    private func append(_ bytes: [UInt8]) -> Bool {
        // 0600: the file holds codes.
        let file = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard file >= 0 else { return false }
        defer { close(file) }
        return unsafe bytes.withUnsafeBytes { unsafe write(file, $0.baseAddress, $0.count) } == bytes.count
    }
}
