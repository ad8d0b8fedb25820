package import Time

/// One text to one person, as a connector sees it.
package struct TextMessage: Sendable {
    package let id: String
    /// E.164.
    package let recipient: String
    package let body: String
    package let template: MessageTemplate
    /// BCP 47.
    package let locale: String
    package let clientID: String
    package let createdAt: Timestamp
    /// When its code dies: a text that arrives later only confuses.
    package let expiresAt: Timestamp

    package init(
        id: String, recipient: String, body: String, template: MessageTemplate, locale: String, clientID: String,
        createdAt: Timestamp, expiresAt: Timestamp
    ) {
        self.id = id
        self.recipient = recipient
        self.body = body
        self.template = template
        self.locale = locale
        self.clientID = clientID
        self.createdAt = createdAt
        self.expiresAt = expiresAt
    }
}

/// What a text is for.
package enum MessageTemplate: String, Sendable, CaseIterable {
    case signInCode = "sign_in_code"
    case signInCodeAndLink = "sign_in_code_and_link"
}
