import AccountManagement
import Accounts
import JOSE
import OAuth
import Time

/// The methods of `monaca.cloud.User`.
struct MonacaUsers: Sendable {
    let accounts: AccountFlow
    let sessions: SessionSettings
    let tokens: TokenSettings

    typealias Method = @Sendable (MonacaUsers, MonacaCall) async throws(MonacaError) -> MonacaResult

    static let methods: [String: Method] = [
        "User.register": { users, call throws(MonacaError) in try await users.register(call) },
        "User.validate": { users, call throws(MonacaError) in try await users.validate(call) },
        "User.unregister": { users, call throws(MonacaError) in try await users.unregister(call) },
        "User.login": { users, call throws(MonacaError) in try await users.login(call) },
        "User.autoLogin": { users, call throws(MonacaError) in try await users.autoLogin(call) },
        "User.logout": { users, call throws(MonacaError) in try await users.logout(call) },
        "User.updatePassword": { users, call throws(MonacaError) in try await users.updatePassword(call) },
        "User.sendPasswordResetToken": { users, call throws(MonacaError) in
            try await users.sendPasswordResetToken(call)
        },
        "User.resetPasswordAndLogin": { users, call throws(MonacaError) in
            try await users.resetPasswordAndLogin(call)
        },
        "User.getProperties": { users, call throws(MonacaError) in try await users.getProperties(call) },
        "User.saveProperties": { users, call throws(MonacaError) in try await users.saveProperties(call) },
    ]

    // MARK: - What all methods share

    func act<Value>(
        _ call: MonacaCall, password: String = "password", _ act: () async throws(AccountError) -> Value
    ) async throws(MonacaError) -> Value {
        do throws(AccountError) { return try await act() } catch {
            throw MonacaError(error, password: password, logger: call.logger)
        }
    }

    /// Who is logged in; error 11 when nobody is.
    func bearer(_ call: MonacaCall) async throws(MonacaError) -> OpaqueBearer {
        guard let bearer = try await liveBearer(call) else { throw .loginRequired }
        return bearer
    }

    func liveBearer(_ call: MonacaCall) async throws(MonacaError) -> OpaqueBearer? {
        guard let session = call.session else { return nil }
        let bearer = try await act(call) { () throws(AccountError) in
            try await accounts.bearer(session, .monacaSession, at: call.now)
        }
        return bearer?.client == call.client.id ? bearer : nil
    }

    func user(_ account: AccountID, _ call: MonacaCall) async throws(MonacaError) -> JSONValue {
        let profile = try await act(call) { () throws(AccountError) in try await accounts.profile(.id(account)) }
        guard let profile else { throw .loginRequired }
        let properties = try await act(call) { () throws(AccountError) in
            try await accounts.properties(of: account)
        }
        let own: [(String, JSONValue)] = [
            ("_id", .string(profile.id.rawValue)), ("_username", .string(profile.loginName ?? "")),
            ("_createdAt", .integer(profile.createdAt.seconds)), ("_updateAt", .integer(profile.updatedAt.seconds)),
        ]
        let others = properties.filter { MonacaParameters.isPropertyName($0.name) }.map { ($0.name, $0.value) }
        return .object(JSONObject(uniqueMembers: (own + others).map { .init(name: $0.0, value: $0.1) }))
    }

    /// No white space, and as long as the backend wants.
    func nameRule(_ call: MonacaCall) -> LoginNameRule {
        LoginNameRule(minimumLength: call.backend.minimumUsernameLength, maximumLength: 255) { scalar in
            guard !scalar.properties.isWhitespace else { return false }
            switch scalar.properties.generalCategory {
            case .control, .format, .lineSeparator, .paragraphSeparator, .unassigned, .surrogate: return false
            default: return true
            }
        }
    }

    func passwordRules(_ call: MonacaCall) -> PasswordRules {
        PasswordRules(
            minimumLength: call.backend.minimumPasswordLength, maximumLength: 80, allowsWhiteSpace: false)
    }

    func identifier(_ name: String) -> LoginIdentifier? { FoldedText(name).map(LoginIdentifier.loginName) }

    func newTokens(_ call: MonacaCall) -> IssuedTokens {
        accounts.monacaTokens(for: call.client, sessions: sessions, tokens: tokens, at: call.now)
    }

    func loggedIn(
        _ account: AccountID, _ tokens: IssuedTokens, _ call: MonacaCall
    ) async throws(MonacaError) -> MonacaResult {
        var members: JSONObject = ["user": try await user(account, call)]
        if let loginToken = tokens.renewal { members["loginToken"] = .string(loginToken) }
        return MonacaResult(.object(members), session: tokens.access)
    }
}
