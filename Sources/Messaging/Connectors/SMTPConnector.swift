import CCurl
import Cryptography
import NIOPosix
package import Time

/// E-mail over SMTP (RFC 5321), by libcurl: STARTTLS, certificates checked, PLAIN or LOGIN.
package struct SMTPConnector: MessageConnector {
    enum TLS: String, CaseIterable, Sendable { case starttls, implicit, none }

    package let channels: Set<MessageChannel> = [.email]
    private let url: String
    private let tls: TLS
    private let username: String?
    private let password: String?
    /// `no-reply@login.example`, or `Example <no-reply@login.example>`.
    private let from: EmailMailbox
    private let caFile: String?
    package let timeoutSeconds: Int

    /// Whether anybody on the way can read the e-mails.
    package let isUnencrypted: Bool

    package init(_ members: inout ConnectorMembers) {
        let host = members.text("host")
        let port = members.integer("port", 587, in: 1...65_535)
        tls = members.choice("tls", .starttls)
        username = members.optionalText("username")
        password = members.optionalText("password")
        let sender = members.text("from")
        from = EmailMailbox(sender)
        caFile = members.optionalText("caFile")
        timeoutSeconds = members.integer("timeoutSeconds", 10, in: 1...60)
        url = "\(tls == .implicit ? "smtps" : "smtp")://\(host):\(port)"
        isUnencrypted = tls == .none && !HTTPSettings.isThisMachine(host)
        if !host.utf8.allSatisfy({ (0x21...0x7E).contains($0) && !"/?#@".utf8.contains($0) }) {
            members.report("\"host\" must be a host name or an address")
        }
        if !sender.isEmpty, !EmailMailbox.isAddress(from.address) {
            members.report("\"from\" must be an e-mail address")
        }
        if (username == nil) != (password == nil) { members.report("\"username\" and \"password\" go together") }
        if tls == .none, password != nil {
            members.report("\"tls\" none would send the password in the clear")
        }
    }

    package func send(_ message: TextMessage, at now: Timestamp) async -> SendResult {
        guard EmailMailbox.isAddress(message.recipient) else {
            return SendResult(.refused, ProviderAnswer(words: "not an e-mail address"))
        }
        let email = EmailMessage(message, from: from, at: now).bytes
        do {
            // libcurl blocks: it waits on threads made for that.
            return try await NIOThreadPool.singleton.runIfActive { transfer(email, to: message.recipient) }
        } catch {
            return SendResult(.unreachable)
        }
    }

    private func transfer(_ email: [UInt8], to recipient: String) -> SendResult {
        guard let handle = unsafe curl_easy_init() else { return SendResult(.unreachable) }
        defer { unsafe curl_easy_cleanup(handle) }
        let recipients = unsafe curl_slist_append(nil, "<\(recipient)>")
        defer { unsafe curl_slist_free_all(recipients) }
        return unsafe email.withUnsafeBytes { bytes in
            var upload = unsafe denwa_curl_upload(
                bytes: bytes.baseAddress?.assumingMemoryBound(to: CChar.self), left: bytes.count)
            return unsafe withUnsafeMutablePointer(to: &upload) { upload in
                unsafe denwa_curl_set_list(handle, CURLOPT_MAIL_RCPT, recipients)
                unsafe denwa_curl_set_upload(handle, upload)
                unsafe configure(handle)
                let outcome = unsafe curl_easy_perform(handle)
                return result(outcome, replyCode: unsafe denwa_curl_response_code(handle))
            }
        }
    }

    private func configure(_ handle: UnsafeMutableRawPointer) {
        var texts = [
            (CURLOPT_URL, url), (CURLOPT_MAIL_FROM, "<\(from.address)>"), (CURLOPT_PROTOCOLS_STR, "smtp,smtps"),
        ]
        if let username, let password { texts += [(CURLOPT_USERNAME, username), (CURLOPT_PASSWORD, password)] }
        if let caFile { texts.append((CURLOPT_CAINFO, caFile)) }
        for (option, text) in texts { unsafe denwa_curl_set_text(handle, option, text) }
        let security = tls == .none ? CURLUSESSL_NONE : CURLUSESSL_ALL
        for (option, number) in [
            (CURLOPT_USE_SSL, Int(security.rawValue)), (CURLOPT_TIMEOUT, timeoutSeconds), (CURLOPT_CONNECTTIMEOUT, 5),
            // A signal would end the process.
            (CURLOPT_NOSIGNAL, 1),
        ] { unsafe denwa_curl_set_number(handle, option, number) }
    }

    private func result(_ outcome: CURLcode, replyCode: Int) -> SendResult {
        let answer = ProviderAnswer(
            status: nil, code: replyCode > 0 ? "\(replyCode)" : nil,
            words: outcome == CURLE_OK ? nil : unsafe String(cString: curl_easy_strerror(outcome)))
        switch outcome {
        case CURLE_OK: return SendResult(.accepted(providerID: nil), answer)
        case CURLE_LOGIN_DENIED, CURLE_PEER_FAILED_VERIFICATION, CURLE_USE_SSL_FAILED, CURLE_SSL_CACERT_BADFILE,
            CURLE_SSL_CONNECT_ERROR:
            return SendResult(.misconfigured, answer)
        default: break
        }
        return switch replyCode {
        // RFC 5321 §4.2.1: 4yz may work later, 5yz never will. 530 to 538 are about logging in.
        case 530...538: SendResult(.misconfigured, answer)
        case 500..<600: SendResult(.refused, answer)
        default: SendResult(.unreachable, answer)
        }
    }
}

/// A message as RFC 5322 writes it.
struct EmailMessage {
    let bytes: [UInt8]

    init(_ message: TextMessage, from: EmailMailbox, at now: Timestamp) {
        let host = from.address.split(separator: "@").last.map(String.init) ?? "localhost"
        let sender = from.name.map { "\(Self.encodedWords($0)) <\(from.address)>" } ?? "<\(from.address)>"
        let subject = message.content.subject ?? message.body.split(separator: "\n").first.map(String.init) ?? ""
        let lines = [
            "From: \(sender)", "To: <\(message.recipient)>", "Subject: \(Self.encodedWords(subject))",
            "Date: \(Self.date(now))", "Message-ID: <\(message.id)@\(host)>",
            // Nobody's out-of-office reply is wanted (RFC 3834 §5).
            "Auto-Submitted: auto-generated",
            "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: base64", "",
        ]
        let encoded = Array(Base64.encode(Array(message.body.replacing("\n", with: "\r\n").utf8)).utf8)
        var bytes = Array(lines.joined(separator: "\r\n").utf8) + Array("\r\n".utf8)
        // RFC 2045 §6.8: lines of at most 76 characters.
        for start in stride(from: 0, to: encoded.count, by: 76) {
            bytes += encoded[start..<min(start + 76, encoded.count)]
            bytes += Array("\r\n".utf8)
        }
        self.bytes = bytes
    }

    /// RFC 2047: each encoded word has at most 75 characters, and whole characters of its own.
    private static func encodedWords(_ text: String) -> String {
        var words: [String] = []
        var part: [UInt8] = []
        for character in text where !character.isNewline {
            let bytes = Array(String(character).utf8)
            if part.count + bytes.count > 42, !part.isEmpty {
                words.append("=?utf-8?B?\(Base64.encode(part))?=")
                part = []
            }
            part += bytes
        }
        if !part.isEmpty { words.append("=?utf-8?B?\(Base64.encode(part))?=") }
        return words.joined(separator: "\r\n ")
    }

    /// RFC 5322 §3.3.
    private static func date(_ now: Timestamp) -> String {
        let text = now.internetDate
        let (year, month, day) = (text.prefix(4), text.dropFirst(5).prefix(2), text.dropFirst(8).prefix(2))
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let name = Int(month).map { months[$0 - 1] } ?? "Jan"
        return "\(day) \(name) \(year) \(text.dropFirst(11).prefix(8)) +0000"
    }
}

/// Who an e-mail comes from.
struct EmailMailbox: Sendable, Equatable {
    let name: String?
    let address: String

    init(_ text: String) {
        let parts = text.split(separator: "<", maxSplits: 1)
        guard parts.count == 2, text.hasSuffix(">") else {
            (name, address) = (nil, text)
            return
        }
        let words = parts[0].split(separator: " ").joined(separator: " ")
        name = words.isEmpty ? nil : words
        address = String(parts[1].dropLast())
    }

    /// What may stand between the angle brackets of a command: nothing that ends them, and no second line.
    static func isAddress(_ text: String) -> Bool {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        return parts.count == 2 && !parts[0].isEmpty && !parts[1].isEmpty && text.utf8.count <= 254
            && text.utf8.allSatisfy { (0x21...0x7E).contains($0) && !"<>(),;:\\\"[]".utf8.contains($0) }
    }
}
