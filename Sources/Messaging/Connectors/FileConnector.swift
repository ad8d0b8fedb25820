import JOSE
import Synchronization
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif
#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Appends one JSON line a text to a file, for tests and development.
///
/// The file is opened with `O_APPEND` and each line is one write, so lines of several processes never mix, and
/// a log rotation or a deleted file is noticed by opening it anew each time a write fails.
package final class FileConnector: MessageConnector {
    private let path: String
    private let descriptor: Mutex<Int32?>

    package init(path: String) {
        self.path = path
        descriptor = Mutex(nil)
    }

    deinit {
        descriptor.withLock { if let open = $0 { close(open) } }
    }

    package func deliver(_ message: TextMessage) async throws(DeliveryError) {
        let line: JSONValue = [
            "id": .string(message.id),
            "to": .string(message.recipient),
            "body": .string(message.body),
            "template": .string(message.template.rawValue),
            "locale": .string(message.locale),
            "channel": "sms",
            "created_at": .string(Self.internetDate(message.createdAt.milliseconds)),
        ]
        var bytes = line.serialized()
        bytes.append(UInt8(ascii: "\n"))
        guard append(bytes) else { throw .unreachable }
    }

    private func append(_ bytes: [UInt8]) -> Bool {
        descriptor.withLock { current in
            guard let file = current ?? Self.openFile(path) else { return false }
            current = file
            let written = unsafe bytes.withUnsafeBytes { unsafe write(file, $0.baseAddress, $0.count) }
            guard written == bytes.count else {
                close(file)
                current = nil
                return false
            }
            return true
        }
    }

    private static func openFile(_ path: String) -> Int32? {
        let file = unsafe path.withCString {
            // 0600: the file holds codes.
            unsafe open($0, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        }
        return file >= 0 ? file : nil
    }

    /// RFC 3339.
    private static func internetDate(_ milliseconds: Int64) -> String {
        Date(timeIntervalSince1970: Double(milliseconds) / 1000)
            .formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}
