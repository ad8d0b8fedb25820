/// What somebody types to say which account is theirs.
package enum LoginIdentifier: Hashable, Sendable {
    case id(AccountID)
    case loginName(FoldedText)
    case email(FoldedText)
    /// E.164.
    case number(String)
    /// Written without saying what it is: an address with an `@` is looked for among verified e-mails first, then
    /// among names, then among e-mails that nobody proved. So nobody takes the place of a proven owner by a name
    /// that looks like their address.
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
