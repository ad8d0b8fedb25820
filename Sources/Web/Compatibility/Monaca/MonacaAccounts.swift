import AccountManagement
import Accounts
import JOSE
import OAuth

extension MonacaUsers {
    // MARK: - Coming and going

    func register(_ call: MonacaCall) async throws(MonacaError) -> MonacaResult {
        var registration = try checked(call)
        registration.locales = call.locales
        let tokens = newTokens(call)
        let profile = try await act(call) { [registration] () throws(AccountError) in
            try await accounts.register(registration, signIn: tokens.signIn, from: call.origin, at: call.now)
        }
        return try await loggedIn(profile.id, tokens, call)
    }

    /// Every parameter that is wrong is named, so that a form can show all of it at once.
    private func checked(_ call: MonacaCall) throws(MonacaError) -> RegistrationRequest {
        var reasons = JSONObject()
        func collect<Value>(_ read: () throws(MonacaError) -> Value) -> Value? {
            do throws(MonacaError) { return try read() } catch {
                for reason in error.data?.members ?? [] { reasons[reason.name] = reason.value }
                return nil
            }
        }
        func check(_ check: () throws(AccountError) -> Void) throws(MonacaError) {
            do throws(AccountError) { try check() } catch { throw MonacaError(error, logger: call.logger) }
        }
        let username = collect { () throws(MonacaError) in
            let username = try call.params.text("username")
            try check { () throws(AccountError) in _ = try nameRule(call).check(username) }
            return username
        }
        let password = collect { () throws(MonacaError) in
            let password = try call.params.text("password")
            try check { () throws(AccountError) in
                try accounts.check(password, by: passwordRules(call), names: [username].compactMap(\.self))
            }
            return password
        }
        let properties = collect { () throws(MonacaError) in try call.params.properties("properties") }
        guard let username, let password, let properties else {
            throw MonacaError(MonacaError.invalidParams, "Invalid params", data: reasons)
        }
        var registration = RegistrationRequest(
            client: call.client, loginName: username, loginNameRule: nameRule(call), password: password,
            passwordRules: passwordRules(call))
        registration.properties = properties
        return registration
    }

    /// Whether a registration would pass, before the form is sent.
    func validate(_ call: MonacaCall) async throws(MonacaError) -> MonacaResult {
        let username = try call.params.text("username")
        let properties = try call.params.properties("properties")
        try await act(call) { () throws(AccountError) in
            try await accounts.checkAvailable(
                username, by: nameRule(call), properties: properties, client: call.client, from: call.origin,
                at: call.now)
        }
        return MonacaResult()
    }

    func unregister(_ call: MonacaCall) async throws(MonacaError) -> MonacaResult {
        let password = try call.params.text("password")
        let bearer = try await bearer(call)
        try await act(call) { () throws(AccountError) in
            try await accounts.verify(
                password, of: bearer.account, client: call.client, from: call.origin, at: call.now)
            try await accounts.delete(bearer.account, from: call.origin, at: call.now)
        }
        return MonacaResult()
    }

    func login(_ call: MonacaCall) async throws(MonacaError) -> MonacaResult {
        let (username, password) = (try call.params.text("username"), try call.params.text("password"))
        let attempt = PasswordAttempt(
            identifier: identifier(username), password: password, acceptsClaims: [], device: call.device)
        let tokens = newTokens(call)
        let account = try await act(call) { () throws(AccountError) in
            try await accounts.signIn(
                attempt, client: call.client, signIn: tokens.signIn, from: call.origin, at: call.now)
        }
        return try await loggedIn(account, tokens, call)
    }

    /// The token is spent; the answer has the next one.
    func autoLogin(_ call: MonacaCall) async throws(MonacaError) -> MonacaResult {
        guard call.backend.allowsAutoLogin else { throw .invalidOperation }
        let token = try call.params.text("loginToken")
        let next = newTokens(call)
        let bearer = try await act(call) { () throws(AccountError) in
            try await accounts.exchange(
                token, .monacaLogin, of: call.client, for: next.signIn.tokens, from: call.origin, at: call.now)
        }
        guard let bearer else { throw .invalid(("loginToken", "invalid")) }
        return try await loggedIn(bearer.account, next, call)
    }

    func logout(_ call: MonacaCall) async throws(MonacaError) -> MonacaResult {
        let bearer = try await bearer(call)
        try await act(call) { () throws(AccountError) in try await accounts.end(bearer.grant, at: call.now) }
        return MonacaResult()
    }

    // MARK: - Passwords

    func updatePassword(_ call: MonacaCall) async throws(MonacaError) -> MonacaResult {
        let (old, new) = (try call.params.text("oldPassword"), try call.params.text("newPassword"))
        let bearer = try await bearer(call)
        do throws(AccountError) {
            try await accounts.changePassword(
                of: bearer.account, from: old, to: new, rules: passwordRules(call),
                ending: .others(.grant(bearer.grant)), client: call.client, from: call.origin, at: call.now)
        } catch {
            if case .wrongPassword = error { throw .invalid(("oldPassword", "wrong")) }
            throw MonacaError(error, password: "newPassword", logger: call.logger)
        }
        return MonacaResult()
    }

    /// The token goes to an address that the account's owner wrote down: in a property, or as the name itself.
    func sendPasswordResetToken(_ call: MonacaCall) async throws(MonacaError) -> MonacaResult {
        let username = try call.params.text("username")
        let options = call.params.members["options"]
        guard options == nil || options?.object != nil || options?.isNull == true else {
            throw .invalid(("options", "invalid"))
        }
        let given = options?["emailPropertyName"]
        guard let property = given == nil ? "_username" : given?.string else { throw .invalid(("options", "invalid")) }
        guard property == "_username" || MonacaParameters.isPropertyName(property) else {
            throw .invalid(("options", "invalid"))
        }
        if try await liveBearer(call) != nil { throw .invalidOperation }
        let name = identifier(username) ?? .loginName(FoldedText(stored: ""))
        let isAllowed = call.backend.emailProperties.contains(property)
        try await act(call) { () throws(AccountError) in
            try await accounts.requestResetToken(
                of: name,
                to: { profile, properties in
                    guard isAllowed else { return nil }
                    return property == "_username"
                        ? profile.loginName.flatMap { EmailAddress($0) }
                        : properties.first?.value.string.flatMap { EmailAddress($0) }
                },
                properties: property == "_username" ? [] : [property], client: call.client, locales: call.locales,
                from: call.origin, at: call.now)
        }
        return MonacaResult()
    }

    func resetPasswordAndLogin(_ call: MonacaCall) async throws(MonacaError) -> MonacaResult {
        let (username, new) = (try call.params.text("username"), try call.params.text("newPassword"))
        let token = try call.params.text("token")
        if try await liveBearer(call) != nil { throw .invalidOperation }
        let name = identifier(username) ?? .loginName(FoldedText(stored: ""))
        let tokens = newTokens(call)
        let profile = try await act(call, password: "newPassword") { () throws(AccountError) in
            try await accounts.reset(
                of: name, token: token, to: new, rules: passwordRules(call), signIn: tokens.signIn,
                client: call.client, from: call.origin, at: call.now)
        }
        return try await loggedIn(profile.id, tokens, call)
    }

    // MARK: - Properties

    func getProperties(_ call: MonacaCall) async throws(MonacaError) -> MonacaResult {
        let names = try call.params.names("names")
        guard names.allSatisfy({ $0.hasPrefix("_") || MonacaParameters.isPropertyName($0) }) else {
            throw .invalid(("names", "invalid"))
        }
        let bearer = try await bearer(call)
        let wanted = Set(names)
        let user = try await user(bearer.account, call).object?.members ?? []
        return MonacaResult([
            "properties": .object(JSONObject(uniqueMembers: user.filter { wanted.contains($0.name) }))
        ])
    }

    func saveProperties(_ call: MonacaCall) async throws(MonacaError) -> MonacaResult {
        var update = AccountUpdate()
        update.properties = try call.params.properties("properties", isRequired: true)
        let bearer = try await bearer(call)
        _ = try await act(call) { [update] () throws(AccountError) in
            try await accounts.update(bearer.account, update, from: call.origin, at: call.now)
        }
        return MonacaResult()
    }
}
