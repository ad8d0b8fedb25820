/// A template's words, with places for what `MessageParameter` names. Its places are checked.
package struct TemplateWording: Sendable, Equatable {
    package let text: String
    /// Of an e-mail.
    package let subject: String?
}

/// Every wording there is: by purpose, channel, client and language.
package struct TemplateCatalogue: Sendable {
    struct Key: Hashable, Sendable {
        let template: MessageTemplate
        let channel: MessageChannel
        /// `nil`: for all clients.
        let client: String?
        /// BCP 47, in small letters.
        let tag: String
    }

    /// By key; with the language tag as it is written.
    private var wordings: [Key: (locale: String, wording: TemplateWording)] = [:]

    /// What comes with the server.
    package init() {
        for (locale, words) in Self.builtIn {
            for channel in MessageChannel.allCases {
                let subject = channel == .email ? Self.builtInSubject : nil
                add(TemplateWording(text: words.code, subject: subject), .signInCode, channel, nil, locale)
                let withLink = "\(words.code)\n\(words.link) {link}"
                add(TemplateWording(text: withLink, subject: subject), .signInCodeAndLink, channel, nil, locale)
            }
        }
        for (locale, words) in Self.builtInForAccounts {
            for (template, text) in words.texts {
                // Subjects stand on lock screens and in mail servers' logs: six digits may, a whole token may not.
                let hasDigits = template == .verificationCode || template == .passwordReset
                let subject = hasDigits ? Self.builtInSubject : "{app}: \(words.account)"
                add(TemplateWording(text: text, subject: nil), template, .sms, nil, locale)
                add(TemplateWording(text: text, subject: subject), template, .email, nil, locale)
            }
        }
    }

    /// Takes the place of an earlier wording of the same purpose, channel, client and language.
    mutating func add(
        _ wording: TemplateWording, _ template: MessageTemplate, _ channel: MessageChannel, _ client: String?,
        tag: String? = nil, _ locale: String
    ) {
        let key = Key(template: template, channel: channel, client: client, tag: tag ?? MessageLocale.alias(locale))
        wordings[key] = (locale, wording)
    }

    /// The wording for whoever wishes for these languages, best first: the longest prefix of each wish (RFC 4647
    /// §3.4), and within one language the client's own before everybody's.
    package func wording(
        of template: MessageTemplate, channel: MessageChannel, client: String, wishes: [String]
    ) -> (locale: String, wording: TemplateWording) {
        for tag in MessageLocale.prefixes(of: wishes) + [MessageLocale.fallback] {
            for owner in [client, nil] {
                let key = Key(template: template, channel: channel, client: owner, tag: tag)
                if let found = wordings[key] { return found }
            }
        }
        preconditionFailure("there is no text in the fallback language")
    }

    /// Every language that a client's people can get, sorted.
    package func locales(of template: MessageTemplate, channel: MessageChannel, client: String) -> [String] {
        let locales = wordings.filter { key, _ in
            key.template == template && key.channel == channel && (key.client == nil || key.client == client)
        }.map(\.value.locale)
        return Dictionary(locales.map { ($0.lowercased(), $0) }, uniquingKeysWith: { first, _ in first })
            .values.sorted()
    }

    /// The tags of the built-in wordings: what the pages are written in, too.
    static let builtInTags = Dictionary(
        builtIn.keys.map { ($0.lowercased(), $0) }, uniquingKeysWith: { first, _ in first })
}
