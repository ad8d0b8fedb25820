package import AccountManagement
package import Accounts
package import Cryptography
import HTTPTypes
package import Hummingbird
import JOSE
package import OAuth
import Time

/// `/account`: what people see of their account and change themselves.
package struct AccountEndpoints: Sendable {
    let accounts: AccountFlow
    let sessions: any SessionStore
    let pages: AccountPages
    let signInPages: SignInPages
    let cookies: BrowserCookies
    let registry: ClientRegistry
    let issuer: Issuer
    let signIn: OwnSignIn
    let edge: Edge

    package init(
        accounts: AccountFlow, sessions: any SessionStore, pages: AccountPages, signInPages: SignInPages,
        cookies: BrowserCookies, registry: ClientRegistry, issuer: Issuer, entropy: Entropy, edge: Edge
    ) {
        self.accounts = accounts
        self.sessions = sessions
        self.pages = pages
        self.signInPages = signInPages
        self.cookies = cookies
        self.registry = registry
        self.issuer = issuer
        signIn = OwnSignIn(issuer: issuer, entropy: entropy)
        self.edge = edge
    }

    package func add(to router: Router<DenwaRequestContext>) {
        router.get("/account") { request, context in await show(request, context) }
        router.get("/account/export") { request, context in await export(request, context) }
        router.post("/account/sessions/end") { request, context in await endSession(request, context) }
        router.post("/account/sessions/end-others") { request, context in await endOthers(request, context) }
        router.post("/account/apps/revoke") { request, context in await revokeApp(request, context) }
        router.post("/account/sign-out") { request, context in await signOut(request, context) }
        router.get("/account/delete") { request, context in await confirmDeletion(request, context) }
        router.post("/account/delete") { request, context in await delete(request, context) }
        router.get("/account/undo") { request, context in await showUndo(request, context) }
        router.post("/account/undo") { request, context in await undo(request, context) }
        addCredentials(to: router)
        addReclaim(to: router)
    }

    /// The built-in client of the account page.
    var client: Client { registry[.accountPage] ?? .accountPage(name: "Denwa", issuer: issuer) }

    // MARK: - The overview

    private func show(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        let query = request.query()
        // Back from the sign-in: what it brought along is of no use, and nothing to keep in a history.
        if query?.has("code") == true || query?.has("error") == true { return .seeOther("/account") }
        return await signedIn(request, context) { signedIn throws(AccountError) in
            try await overview(signedIn, notice: (try? query?.optional("done")) ?? nil, problem: nil)
        }
    }

    func overview(
        _ signedIn: SignedInVisit, notice: String?, problem: PageProblem?
    ) async throws(AccountError) -> Response {
        let (account, now) = (signedIn.account, signedIn.visit.now)
        let apps = try await accounts.apps(of: account, at: now)
        // The page takes names from what was found; those that are URLs it can show as they are.
        for app in apps where !app.client.isURL { _ = try? await registry.recall(app.client, at: now) }
        return pages.overview(
            AccountOverview(
                profile: signedIn.profile, sessions: try await accounts.sessions(of: account, at: now),
                current: signedIn.session.id, apps: apps,
                isParked: try await accounts.parked(before: account) != nil),
            signedIn.visit, notice: notice, problem: problem)
    }

    func done(_ notice: String) -> Response { .seeOther("/account?done=\(notice)") }

    /// Everything the server knows of the person, but what would let somebody else in.
    private func export(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        await signedIn(request, context, isSensitive: true) { signedIn throws(AccountError) in
            let (account, now) = (signedIn.account, signedIn.visit.now)
            let data = AccountExport(
                profile: signedIn.profile, properties: try await accounts.properties(of: account),
                sessions: try await accounts.sessions(of: account, at: now),
                apps: try await accounts.apps(of: account, at: now))
            var response = Response.json(.ok, data.json)
            response.headers[.contentDisposition] = #"attachment; filename="account.json""#
            return response
        }
    }

    // MARK: - Sign-ins

    private func endSession(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        await submitted(request, context) { form, signedIn throws(AccountError) in
            if let session = form["session"] {
                try await accounts.endSession(SessionID(session), of: signedIn.account, at: signedIn.visit.now)
            }
            return done("session_ended")
        }
    }

    private func endOthers(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        await submitted(request, context) { _, signedIn throws(AccountError) in
            try await accounts.endOthers(signedIn.anchor, of: signedIn.account, at: signedIn.visit.now)
            return done("sessions_ended")
        }
    }

    private func revokeApp(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        await submitted(request, context) { form, signedIn throws(AccountError) in
            if let app = form["client_id"] {
                try await accounts.revokeApp(
                    ClientID(app), of: signedIn.account, from: signedIn.visit.origin, at: signedIn.visit.now)
            }
            return done("app_revoked")
        }
    }

    private func signOut(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        await submitted(request, context) { _, signedIn throws(AccountError) in
            try await accounts.endSession(signedIn.session.id, of: signedIn.account, at: signedIn.visit.now)
            var response = pages.signedOut(signedIn.visit.locale)
            cookies.endSession(in: &response)
            return response
        }
    }

    // MARK: - Deletion

    private func confirmDeletion(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        await signedIn(request, context, isSensitive: true) { signedIn throws(AccountError) in
            pages.deletion(signedIn.visit)
        }
    }

    private func delete(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        await submitted(request, context, isSensitive: true) { form, signedIn throws(AccountError) in
            guard form.has("confirm") else {
                return pages.deletion(
                    signedIn.visit, problem: PageProblem(key: "not_confirmed", status: .badRequest))
            }
            try await accounts.delete(signedIn.account, from: signedIn.visit.origin, at: signedIn.visit.now)
            var response = pages.deletion(signedIn.visit, isDone: true)
            cookies.endSession(in: &response)
            return response
        }
    }

    // MARK: - Undoing a change of number

    /// Whoever got the text need not be signed in. Looking changes nothing: previews and scanners look too.
    private func showUndo(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        let (visit, newBrowser) = visit(request, context)
        var response: Response
        do throws(AccountError) {
            let token = (try? request.query()?.optional("token")) ?? nil
            if let token, let change = try await accounts.undoableChange(token, at: visit.now) {
                response = pages.undo(change, token: token, visit)
            } else {
                response = pages.undone(.gone, visit)
            }
        } catch {
            response = failed(error, visit)
        }
        if let newBrowser { cookies.setBrowser(newBrowser, in: &response) }
        return response
    }

    private func undo(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        let (visit, newBrowser) = visit(request, context)
        var response: Response
        do throws(AccountError) {
            guard let form = try? await request.form(), let token = (try? form.optional("token")) ?? nil else {
                return pages.undone(.gone, visit)
            }
            if cookies.browser(sending: form, request) != nil {
                response = pages.undone(
                    try await accounts.undoNumberChange(token, from: visit.origin, at: visit.now), visit)
            } else if let change = try await accounts.undoableChange(token, at: visit.now) {
                response = pages.undo(change, token: token, visit, problem: .sessionLost)
            } else {
                response = pages.undone(.gone, visit)
            }
        } catch {
            response = failed(error, visit)
        }
        if let newBrowser { cookies.setBrowser(newBrowser, in: &response) }
        return response
    }
}

/// The data of an account for its holder.
private struct AccountExport {
    let profile: AccountProfile
    let properties: [AccountProperty]
    let sessions: [SessionSummary]
    let apps: [AppAccess]

    var json: JSONValue {
        var account: JSONObject = [
            "id": .string(profile.id.rawValue), "created_at": .string(profile.createdAt.internetDate),
            "updated_at": .string(profile.updatedAt.internetDate), "has_password": .bool(profile.hasPassword),
        ]
        account["phone_number"] = profile.number.map { .string($0.text) }
        account["phone_number_verified"] = profile.number.map { .bool($0.isProven) }
        account["phone_number_pending"] = profile.pendingNumber.map(JSONValue.string)
        account["email"] = profile.email.map { .string($0.text) }
        account["email_verified"] = profile.email.map { .bool($0.isProven) }
        account["email_pending"] = profile.pendingEmail.map(JSONValue.string)
        account["login_name"] = profile.loginName.map(JSONValue.string)
        account["display_name"] = profile.displayName.map(JSONValue.string)
        account["country"] = profile.country.map(JSONValue.string)
        account["locale"] = profile.locale.map(JSONValue.string)
        account["properties"] = .object(
            JSONObject(uniqueMembers: properties.map { .init(name: $0.name, value: $0.value) }))
        account["sessions"] = .array(
            sessions.map {
                [
                    "device": $0.device.map(JSONValue.string) ?? .null,
                    "signed_in_at": .string($0.authenticatedAt.internetDate),
                ]
            })
        account["apps"] = .array(
            apps.filter { $0.client != .accountPage }.map {
                [
                    "client_id": .string($0.client.rawValue), "scope": .string($0.scope.text),
                    "since": .string($0.since.internetDate),
                ]
            })
        return .object(account)
    }
}
