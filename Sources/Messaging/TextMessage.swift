package import Time

/// One text to one person, as a connector sees it.
package struct TextMessage: Sendable {
    package let id: String
    package let channel: MessageChannel
    /// E.164, or an e-mail address.
    package let recipient: String
    /// Where the number belongs, ISO 3166-1 alpha-2; empty for e-mail.
    package let region: String
    package let content: MessageContent
    package let template: MessageTemplate
    /// BCP 47.
    package let locale: String
    package let clientID: String
    package let createdAt: Timestamp
    /// When its code dies: a text that arrives later only confuses.
    package let expiresAt: Timestamp

    package init(
        id: String, channel: MessageChannel = .sms, recipient: String, region: String, content: MessageContent,
        template: MessageTemplate, locale: String, clientID: String, createdAt: Timestamp, expiresAt: Timestamp
    ) {
        self.id = id
        self.channel = channel
        self.recipient = recipient
        self.region = region
        self.content = content
        self.template = template
        self.locale = locale
        self.clientID = clientID
        self.createdAt = createdAt
        self.expiresAt = expiresAt
    }

    package var body: String { content.body }

    /// What a provider may take as the text's validity, so that a dead code is never delivered.
    func secondsLeft(at now: Timestamp) -> Int { max(1, now.secondsRoundedUp(until: expiresAt)) }
}

/// How a message reaches a person.
package enum MessageChannel: String, Sendable, CaseIterable {
    case sms
    case email
}

/// What a text is for.
package enum MessageTemplate: String, Sendable, CaseIterable {
    case signInCode = "sign_in_code"
    case signInCodeAndLink = "sign_in_code_and_link"
    /// Proves that a number or e-mail address is an account's.
    case verificationCode = "verification_code"
    case verificationCompleted = "verification_completed"
    case passwordReset = "password_reset"
    /// The same with a token too long to be typed, for apps that have it copied.
    case passwordResetToken = "password_reset_token"
    case passwordResetDone = "password_reset_done"
    /// To the number that an account had, with a link that undoes the change.
    case numberChanged = "number_changed"

    /// To an account that exists, and not to whoever signs in.
    package var isAboutAccount: Bool { self != .signInCode && self != .signInCodeAndLink }

    /// The places without which a text is useless.
    package var required: Set<MessageParameter> {
        switch self {
        case .signInCode, .verificationCode, .passwordReset, .passwordResetToken: [.code]
        case .signInCodeAndLink: [.code, .link]
        case .numberChanged: [.link]
        case .verificationCompleted, .passwordResetDone: []
        }
    }

    /// Every place that something fills.
    package var allowed: Set<MessageParameter> {
        switch self {
        case .verificationCompleted, .passwordResetDone: [.app]
        case .numberChanged: [.app, .link]
        default: required.union([.app, .minutes])
        }
    }
}

/// The words of a message, whole, and what they were made of: providers with templates of their own take the parts.
package struct MessageContent: Sendable, Equatable {
    package let body: String
    /// Of an e-mail.
    package let subject: String?
    package let parameters: [MessageParameter: String]

    package init(body: String, subject: String? = nil, parameters: [MessageParameter: String] = [:]) {
        self.body = body
        self.subject = subject
        self.parameters = parameters
    }
}

/// What a template has places for.
package enum MessageParameter: String, Sendable, CaseIterable {
    case code
    /// The client's registered name.
    case app
    /// How long the code lives.
    case minutes
    case link
}
