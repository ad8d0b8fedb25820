package import Accounts

/// The sign-in that a request comes from: what a change that was begun in it is finished in, and what is spared
/// when the others end.
package enum SignInAnchor: Hashable, Sendable {
    /// A browser's, at this server's own pages.
    case session(SessionID)
    /// An app's.
    case grant(GrantID)

    /// As it is stored.
    package var key: String {
        switch self {
        case .session(let id): "session:\(id.rawValue)"
        case .grant(let id): "grant:\(id.rawValue)"
        }
    }
}

/// Which of an account's sessions and tokens a change ends.
package enum SignInEnding: Hashable, Sendable {
    case none
    case all
    case others(SignInAnchor)
}
