/// What somebody types to say which account is theirs.
package enum LoginIdentifier: Hashable, Sendable {
    case id(AccountID)
    case loginName(FoldedText)
    case email(FoldedText)
    /// E.164.
    case number(String)
    /// Written without saying what it is: a text with an `@` is looked for among proven e-mail addresses first, then
    /// among those that nobody proved, then among names. So nobody keeps an address's owner out by calling
    /// themselves like it.
    case nameOrEmail(FoldedText)

    /// Names the identifier for limits, whether or not anybody has it.
    package var countedAs: String {
        switch self {
        case .id(let id): "id:\(id.rawValue)"
        case .loginName(let name): "name:\(name.rawValue)"
        case .email(let email), .nameOrEmail(let email): "email:\(email.rawValue)"
        case .number(let number): "number:\(number)"
        }
    }
}

extension LoginIdentifier {
    /// How an operator names an account: by its id, by `+` and a number, by `LOGIN_NAME:` or by `EMAIL:`.
    package init(reference text: String) {
        let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
        if text.hasPrefix("+") {
            self = .number(text)
        } else if parts.count == 2, parts[0] == "LOGIN_NAME", let name = FoldedText(parts[1]) {
            self = .loginName(name)
        } else if parts.count == 2, parts[0] == "EMAIL", let email = FoldedText(parts[1]) {
            self = .email(email)
        } else {
            self = .id(AccountID(text))
        }
    }
}
