/// What goes into a template's places, and what comes after a code for machines.
package struct MessageText: Sendable {
    /// What the person types in; `nil` in a notice.
    package let code: String?
    /// The client's registered name.
    package let appName: String
    package let minutes: Int?
    package let link: String?
    /// The site that a browser may fill the code in for: WebOTP's last line.
    package let webOTPDomain: String?
    /// The eleven characters by which Android's SMS Retriever finds the app.
    package let androidAppHash: String?

    package init(
        code: String?, appName: String, minutes: Int?, link: String? = nil, webOTPDomain: String? = nil,
        androidAppHash: String? = nil
    ) {
        self.code = code
        self.appName = Self.withoutAddresses(appName)
        self.minutes = minutes
        self.link = link
        self.webOTPDomain = webOTPDomain
        self.androidAppHash = androidAppHash
    }

    package func content(of wording: TemplateWording, channel: MessageChannel) -> MessageContent {
        var lines = [fill(wording.text)]
        if channel == .sms, let code {
            if let androidAppHash { lines.append(androidAppHash) }
            if let webOTPDomain { lines.append("\n@\(webOTPDomain) #\(code)") }
        }
        return MessageContent(
            body: lines.joined(separator: "\n"), subject: channel == .email ? wording.subject.map(fill) : nil,
            parameters: parameters)
    }

    private var parameters: [MessageParameter: String] {
        var parameters: [MessageParameter: String] = [.app: appName]
        parameters[.code] = code
        parameters[.minutes] = minutes.map(String.init)
        parameters[.link] = link
        return parameters
    }

    /// In one pass, so that a name that looks like a place stays a name.
    private func fill(_ template: String) -> String {
        let parameters = parameters
        var filled = ""
        var rest = template[...]
        // By bytes: a brace is one, whatever stands beside it.
        while let open = rest.utf8.firstIndex(of: UInt8(ascii: "{")),
            let close = rest.utf8[open...].firstIndex(of: UInt8(ascii: "}"))
        {
            let afterClose = rest.utf8.index(after: close)
            filled += rest[..<open]
            let name = String(rest[rest.utf8.index(after: open)..<close])
            filled += MessageParameter(rawValue: name).flatMap { parameters[$0] } ?? String(rest[open..<afterClose])
            rest = rest[afterClose...]
        }
        return filled + rest
    }

    /// Telephones turn everything that looks like an address into a link, and the only link in a text shall be the
    /// registered one: a dot before a letter gets a space, and slashes go.
    private static func withoutAddresses(_ name: String) -> String {
        var safe = ""
        var isAfterDot = false
        for character in name {
            if isAfterDot, !character.isWhitespace { safe += " " }
            isAfterDot = character == "." || character == "。" || character == "．"
            safe += character == "/" || character == "@" ? " " : String(character)
        }
        return safe.replacing("://", with: " ")
    }
}
