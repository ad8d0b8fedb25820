import AccountManagement
import Accounts
import HTTPTypes
import Hummingbird
import OAuth

/// `/account/reclaim`: the account that had this number before, for whoever shows that it is theirs.
extension AccountEndpoints {
    func addReclaim(to router: Router<DenwaRequestContext>) {
        router.get("/account/reclaim") { request, context in
            await signedIn(request, context, isSensitive: true) { signedIn throws(AccountError) in
                guard try await accounts.parked(before: signedIn.account) != nil else { return .seeOther("/account") }
                return pages.reclaim(signedIn.visit)
            }
        }
        router.post("/account/reclaim") { request, context in
            await submitted(request, context, isSensitive: true) { form, signedIn throws(AccountError) in
                let identifier = form["identifier"] ?? ""
                let wantsCode = form.has("send_code")
                let code = form["code"]
                do throws(AccountError) {
                    if wantsCode {
                        try await sendCode(identifier, signedIn)
                        return pages.reclaim(signedIn.visit, identifier: identifier, isCodeSent: true)
                    }
                    try await reclaim(identifier, code: code, password: form["password"] ?? "", signedIn)
                    return done("reclaimed")
                } catch {
                    return pages.reclaim(
                        signedIn.visit, identifier: identifier, isCodeSent: wantsCode || code != nil,
                        problem: problem(error, signedIn))
                }
            }
        }
    }

    /// The answer does not tell whether the address is the older account's.
    private func sendCode(_ identifier: String, _ signedIn: SignedInVisit) async throws(AccountError) {
        guard let address = EmailAddress(identifier) else { return }
        try await accounts.sendReclaimCode(
            to: address, for: signedIn.account, client: client, locales: signedIn.visit.locale.wishes,
            from: signedIn.visit.origin, at: signedIn.visit.now)
    }

    private func reclaim(
        _ identifier: String, code: String?, password: String, _ signedIn: SignedInVisit
    ) async throws(AccountError) {
        let (account, origin, now) = (signedIn.account, signedIn.visit.origin, signedIn.visit.now)
        if let code {
            return try await accounts.reclaim(
                code: code, for: account, session: signedIn.token, client: client, from: origin, at: now)
        }
        let name = FoldedText(identifier).map {
            identifier.contains("@") ? LoginIdentifier.nameOrEmail($0) : .loginName($0)
        }
        let attempt = PasswordAttempt(identifier: name, password: password, acceptsClaims: [])
        try await accounts.reclaim(
            by: attempt, for: account, session: signedIn.token, client: client, from: origin, at: now)
    }
}
