import AccountManagement
import Accounts
import HTTPTypes
import Hummingbird
import Logging
import OAuth
import Time

/// `/account/number`, `/account/email` and `/account/password`.
extension AccountEndpoints {
    func addCredentials(to router: Router<DenwaRequestContext>) {
        router.get("/account/number") { request, context in
            await signedIn(request, context, isSensitive: true) { signedIn throws(AccountError) in
                pages.number(signedIn.visit)
            }
        }
        router.post("/account/number") { request, context in await startNumber(request, context) }
        router.get("/account/number/code") { request, context in
            await signedIn(request, context) { signedIn throws(AccountError) in
                guard signedIn.profile.pendingNumber != nil else { return .seeOther("/account/number") }
                return numberCode(signedIn, isResent: request.query()?.has("resent") == true)
            }
        }
        router.post("/account/number/code") { request, context in await proveNumber(request, context) }
        router.post("/account/number/resend") { request, context in await resendNumber(request, context) }
        router.get("/account/email") { request, context in
            await signedIn(request, context, isSensitive: true) { signedIn throws(AccountError) in
                pages.email(signedIn.visit)
            }
        }
        router.post("/account/email") { request, context in await startEmail(request, context) }
        router.get("/account/email/code") { request, context in
            await signedIn(request, context) { signedIn throws(AccountError) in
                guard signedIn.profile.pendingEmail != nil else { return .seeOther("/account/email") }
                return pages.emailCode(
                    signedIn.profile, signedIn.visit, isResent: request.query()?.has("resent") == true)
            }
        }
        router.post("/account/email/code") { request, context in await proveEmail(request, context) }
        router.post("/account/email/resend") { request, context in await resendEmail(request, context) }
        router.post("/account/email/remove") { request, context in await removeEmail(request, context) }
        router.get("/account/password") { request, context in
            await signedIn(request, context, isSensitive: true) { signedIn throws(AccountError) in
                password(signedIn)
            }
        }
        router.post("/account/password") { request, context in await changePassword(request, context) }
        // Somebody reloads, or opens the address anew: on to where the form is.
        for (path, page) in [
            ("/account/number/resend", "/account/number/code"), ("/account/email/resend", "/account/email/code"),
            ("/account/email/remove", "/account"),
        ] as [(RouterPath, String)] {
            router.get(path) { _, _ in Response.seeOther(page) }
        }
    }

    // MARK: - The number

    private func numberCode(
        _ signedIn: SignedInVisit, isResent: Bool = false, endsOthers: Bool = false, problem: PageProblem? = nil
    ) -> Response {
        pages.numberCode(
            signedIn.profile, signedIn.visit, undoHours: accounts.settings.undoSeconds / 3600, isResent: isResent,
            endsOthers: endsOthers, problem: problem)
    }

    private func startNumber(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        await submitted(request, context, isSensitive: true) { form, signedIn throws(AccountError) in
            let (typed, region) = (form["phone_number"] ?? "", form["country"])
            do throws(AccountError) {
                let isNew = try await accounts.startNumberChange(
                    of: signedIn.profile, typed: typed, region: region, begunIn: signedIn.anchor, client: client,
                    locales: signedIn.visit.locale.wishes, from: signedIn.visit.origin, at: signedIn.visit.now)
                guard isNew else {
                    return pages.number(
                        signedIn.visit, typed: typed, region: region,
                        problem: PageProblem(key: "same_number", status: .unprocessableContent))
                }
                return .seeOther("/account/number/code")
            } catch {
                return pages.number(
                    signedIn.visit, typed: typed, region: region, problem: problem(error, signedIn))
            }
        }
    }

    private func proveNumber(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        await submitted(request, context) { form, signedIn throws(AccountError) in
            let endsOthers = form.has("end_others")
            do throws(AccountError) {
                try await accounts.proveNumber(
                    of: .id(signedIn.account), code: form["code"] ?? "", in: signedIn.anchor,
                    ending: endsOthers ? .others(signedIn.anchor) : .none, client: client,
                    locales: signedIn.visit.locale.wishes, from: signedIn.visit.origin, at: signedIn.visit.now)
                return done("number_changed")
            } catch {
                guard case .codeRefused(.taken) = error else {
                    return numberCode(signedIn, endsOthers: endsOthers, problem: problem(error, signedIn))
                }
                return pages.number(signedIn.visit, problem: problem(error, signedIn))
            }
        }
    }

    private func resendNumber(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        await submitted(request, context) { _, signedIn throws(AccountError) in
            do throws(AccountError) {
                try await accounts.resendNumberCode(
                    of: .id(signedIn.account), client: client, locales: signedIn.visit.locale.wishes,
                    from: signedIn.visit.origin, at: signedIn.visit.now)
                return .seeOther("/account/number/code?resent=1")
            } catch {
                return numberCode(signedIn, problem: problem(error, signedIn))
            }
        }
    }

    // MARK: - The e-mail address

    private func startEmail(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        await submitted(request, context, isSensitive: true) { form, signedIn throws(AccountError) in
            let typed = form["email"] ?? ""
            do throws(AccountError) {
                guard let address = EmailAddress(typed) else { throw .invalid(.email, .invalid) }
                try await accounts.sendCode(
                    to: .id(signedIn.account), address: address, purpose: .address(begunIn: signedIn.anchor),
                    client: client, locales: signedIn.visit.locale.wishes, from: signedIn.visit.origin,
                    at: signedIn.visit.now)
                return .seeOther("/account/email/code")
            } catch {
                return pages.email(signedIn.visit, typed: typed, problem: problem(error, signedIn))
            }
        }
    }

    private func proveEmail(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        await submitted(request, context) { form, signedIn throws(AccountError) in
            do throws(AccountError) {
                try await accounts.proveEmailAddress(
                    of: .id(signedIn.account), code: form["code"] ?? "", in: signedIn.anchor, client: client,
                    locales: signedIn.visit.locale.wishes, from: signedIn.visit.origin, at: signedIn.visit.now)
                return done("email_changed")
            } catch {
                guard case .codeRefused(.taken) = error else {
                    return pages.emailCode(signedIn.profile, signedIn.visit, problem: problem(error, signedIn))
                }
                return pages.email(signedIn.visit, problem: problem(error, signedIn))
            }
        }
    }

    private func resendEmail(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        await submitted(request, context) { _, signedIn throws(AccountError) in
            do throws(AccountError) {
                try await accounts.sendCode(
                    to: .id(signedIn.account), address: nil, purpose: .addressAgain, client: client,
                    locales: signedIn.visit.locale.wishes, from: signedIn.visit.origin, at: signedIn.visit.now)
                return .seeOther("/account/email/code?resent=1")
            } catch {
                return pages.emailCode(signedIn.profile, signedIn.visit, problem: problem(error, signedIn))
            }
        }
    }

    private func removeEmail(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        await submitted(request, context, isSensitive: true) { _, signedIn throws(AccountError) in
            try await accounts.removeEmail(
                of: signedIn.account, from: signedIn.visit.origin, at: signedIn.visit.now)
            return done("email_removed")
        }
    }

    // MARK: - The password

    private func password(_ signedIn: SignedInVisit, problem: PageProblem? = nil) -> Response {
        pages.password(
            signedIn.profile, signedIn.visit, minimumLength: accounts.settings.minimumPasswordLength,
            problem: problem)
    }

    private func changePassword(_ request: Request, _ context: DenwaRequestContext) async -> Response {
        await submitted(request, context, isSensitive: true) { form, signedIn throws(AccountError) in
            do throws(AccountError) {
                try await accounts.changePassword(
                    of: signedIn.account, from: form["old_password"], to: form["new_password"] ?? "",
                    rules: PasswordRules(minimumLength: accounts.settings.minimumPasswordLength),
                    ending: .others(signedIn.anchor), client: client, from: signedIn.visit.origin,
                    at: signedIn.visit.now)
                return done("password_changed")
            } catch {
                return password(signedIn, problem: problem(error, signedIn))
            }
        }
    }

    func problem(_ error: AccountError, _ signedIn: SignedInVisit) -> PageProblem {
        if case .unavailable(let cause) = error {
            signedIn.visit.context.logger.error("request failed", metadata: ["cause": "\(type(of: cause))"])
        }
        return error.pageProblem
    }
}
