package import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Prints the text on standard output. Development only: it shows codes to whoever reads the terminal.
package struct ConsoleConnector: MessageConnector {
    package let channels = Set(MessageChannel.allCases)

    package init() {}

    package func send(_ message: TextMessage, at now: Timestamp) async -> SendResult {
        let indented = message.body.split(separator: "\n", omittingEmptySubsequences: false)
            .map { "    \($0)" }.joined(separator: "\n")
        let bytes = Array("\n  Text to \(message.recipient):\n\(indented)\n\n".utf8)
        // One write, so that two texts never mix their lines.
        let written = unsafe bytes.withUnsafeBytes { unsafe write(STDOUT_FILENO, $0.baseAddress, $0.count) }
        return SendResult(written == bytes.count ? .accepted(providerID: nil) : .unreachable)
    }
}
