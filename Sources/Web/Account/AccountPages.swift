import AccountManagement
import Accounts
import HTTPTypes
import Hummingbird
package import OAuth
package import PhoneLogin
import PhoneNumbers
import RateLimiting
import Time

/// The pages of `/account` as responses.
package struct AccountPages: Sendable {
    private let library: PageLibrary
    private let regions: RegionList
    private let phone: PhoneLoginSettings
    private let registry: ClientRegistry

    package init(library: PageLibrary, regions: RegionList, phone: PhoneLoginSettings, registry: ClientRegistry) {
        self.library = library
        self.regions = regions
        self.phone = phone
        self.registry = registry
    }

    private func page(
        _ template: String, _ visit: AccountVisit, texts: [String: String] = [:], problem: PageProblem? = nil,
        _ variables: @escaping (_ texts: [String: String]) -> [String: Any] = { _ in [:] }
    ) -> Response {
        let page = Page(template: template, locale: visit.locale, client: nil, texts: texts) { texts in
            var all = variables(texts)
            all["csrf"] = visit.formToken
            all["back_url"] = "/account"
            return all.merging(problem?.variables(texts) ?? [:]) { $1 }
        }
        var response = Response.page(library.render(page), status: problem?.status ?? .ok)
        if let seconds = problem?.retrySeconds { response.headers[.retryAfter] = "\(seconds)" }
        return response
    }

    // MARK: - The overview

    func overview(_ account: AccountOverview, _ visit: AccountVisit, notice: String?, problem: PageProblem?) -> Response
    {
        page("account", visit, problem: problem) { texts in
            let profile = account.profile
            var variables: [String: Any] = [
                "sessions": account.sessions.map { Self.session($0, current: account.current) },
                "apps": account.apps.compactMap { app(of: $0, visit.locale) },
                "created": Self.date(profile.createdAt),
            ]
            variables["notice"] = notice.flatMap { Self.notices.contains($0) ? texts[$0] : nil }
            variables["number"] = profile.number?.text
            variables["number_pending"] = profile.pendingNumber
            variables["email"] = profile.email?.text
            variables["email_pending"] = profile.pendingEmail
            variables["login_name"] = profile.loginName
            if profile.email?.isProven == true { variables["email_verified"] = true }
            if profile.hasPassword { variables["has_password"] = true }
            if account.sessions.count > 1 { variables["other_sessions"] = true }
            if account.isParked { variables["parked"] = true }
            return variables
        }
    }

    /// What the overview can say of what was done.
    private static let notices: Set<String> = [
        "number_changed", "email_changed", "email_removed", "password_changed", "session_ended", "sessions_ended",
        "app_revoked", "reclaimed",
    ]

    private static func session(_ session: SessionSummary, current: SessionID) -> [String: Any] {
        var variables: [String: Any] = ["id": session.id.rawValue, "since": date(session.authenticatedAt)]
        variables["device"] = session.device
        if session.id == current { variables["current"] = true }
        return variables
    }

    private func app(of access: AppAccess, _ locale: PageLocale) -> [String: Any]? {
        guard access.client != .accountPage else { return nil }
        var variables: [String: Any] = [
            "client_id": access.client.rawValue, "name": registry[access.client]?.name ?? access.client.rawValue,
            "since": Self.date(access.since),
        ]
        let texts = library.catalogue.texts(of: "consent", locale: locale.tag, values: [:])
        let scopes = SignInPages.wishes(of: access.scope, texts)
        if !access.scope.isEmpty, !scopes.isEmpty { variables["scopes"] = scopes.joined(separator: " · ") }
        return variables
    }

    private static func date(_ time: Timestamp) -> String { String(time.internetDate.prefix(10)) }

    // MARK: - Number and e-mail address

    func number(
        _ visit: AccountVisit, typed: String? = nil, region: String? = nil, problem: PageProblem? = nil
    ) -> Response {
        let selected = region ?? regions.preferred(wishes: visit.locale.wishes, locale: visit.locale.tag)
        let options = regions.options(locale: visit.locale.tag, selecting: selected)
        return page("account-number", visit, problem: problem) { _ in
            ["action": "/account/number", "options": options, "number": typed ?? ""]
        }
    }

    func numberCode(
        _ profile: AccountProfile, _ visit: AccountVisit, undoHours: Int, isResent: Bool = false,
        endsOthers: Bool = false, problem: PageProblem? = nil
    ) -> Response {
        let pending = profile.pendingNumber.map { PhoneNumber(trusted: $0, region: "", lineType: .unknown).masked }
        let texts = [
            "length": "\(phone.codeLength)", "hours": "\(undoHours)",
            "phone": (pending ?? "").isolatedLeftToRight,
        ]
        return page("account-number-code", visit, texts: texts, problem: problem) { [phone] _ in
            var variables = Self.code(
                phone, sentAt: profile.pendingNumberSince, now: visit.now, action: "/account/number/code",
                resend: "/account/number/resend", change: "/account/number")
            if isResent { variables["resent"] = true }
            if endsOthers { variables["end_others"] = true }
            if profile.number != nil { variables["old_number"] = true }
            return variables
        }
    }

    func email(_ visit: AccountVisit, typed: String? = nil, problem: PageProblem? = nil) -> Response {
        page("account-email", visit, problem: problem) { _ in
            var variables: [String: Any] = ["action": "/account/email"]
            if let typed { variables["email"] = typed }
            return variables
        }
    }

    func emailCode(
        _ profile: AccountProfile, _ visit: AccountVisit, isResent: Bool = false, problem: PageProblem? = nil
    ) -> Response {
        let texts = [
            "length": "\(phone.codeLength)", "email": (profile.pendingEmail ?? "").isolatedLeftToRight,
        ]
        return page("account-email-code", visit, texts: texts, problem: problem) { [phone] _ in
            var variables = Self.code(
                phone, sentAt: profile.pendingEmailSince, now: visit.now, action: "/account/email/code",
                resend: "/account/email/resend", change: "/account/email")
            if isResent { variables["resent"] = true }
            return variables
        }
    }

    private static func code(
        _ phone: PhoneLoginSettings, sentAt: Timestamp?, now: Timestamp, action: String, resend: String,
        change: String
    ) -> [String: Any] {
        let resendAt = (sentAt ?? now).adding(seconds: phone.resendCooldownSeconds)
        return [
            "action": action, "code_length": phone.codeLength, "resend_action": resend,
            "resend_seconds": now < resendAt ? now.secondsRoundedUp(until: resendAt) : 0, "change_url": change,
            "flow": "",
        ]
    }

    // MARK: - Password, deletion, undoing, reclaiming

    func password(
        _ profile: AccountProfile, _ visit: AccountVisit, minimumLength: Int, problem: PageProblem? = nil
    ) -> Response {
        page("account-password", visit, texts: ["minimum": "\(minimumLength)"], problem: problem) { _ in
            var variables: [String: Any] = ["action": "/account/password", "minimum_length": minimumLength]
            if profile.hasPassword { variables["has_password"] = true }
            if problem?.key == "wrong_password" { variables["wrong_password"] = true }
            return variables
        }
    }

    func deletion(_ visit: AccountVisit, isDone: Bool = false, problem: PageProblem? = nil) -> Response {
        page("account-delete", visit, problem: problem) { texts in
            var variables: [String: Any] = ["action": "/account/delete"]
            if isDone {
                variables["done"] = true
                variables["title"] = texts["title_done"]
            }
            return variables
        }
    }

    func undo(_ change: UndoableChange, token: String, _ visit: AccountVisit, problem: PageProblem? = nil) -> Response {
        func masked(_ identity: PhoneIdentity) -> String {
            // A number that was removed has none in its place.
            identity.number.isEmpty
                ? "—" : PhoneNumber(trusted: identity.number, region: "", lineType: .unknown).masked.isolatedLeftToRight
        }
        let texts = ["old_phone": masked(change.oldNumber), "new_phone": masked(change.newNumber)]
        return page("account-undo", visit, texts: texts, problem: problem) { _ in
            ["action": "/account/undo", "token": token]
        }
    }

    func undone(_ outcome: UndoOutcome, _ visit: AccountVisit) -> Response {
        let (flag, status): (String, HTTPResponse.Status) =
            switch outcome {
            case .undone: ("done", .ok)
            case .gone: ("gone", .notFound)
            case .taken: ("taken", .conflict)
            }
        var response = page("account-undo-result", visit) { texts in
            [flag: true, "title": texts["title_\(flag)"] ?? ""]
        }
        response.status = status
        return response
    }

    func reclaim(
        _ visit: AccountVisit, identifier: String? = nil, isCodeSent: Bool = false, problem: PageProblem? = nil
    ) -> Response {
        page("account-reclaim", visit, problem: problem) { [phone] _ in
            var variables: [String: Any] = ["action": "/account/reclaim", "code_length": phone.codeLength]
            if let identifier { variables["identifier"] = identifier }
            if isCodeSent { variables["code_sent"] = true }
            return variables
        }
    }

    func signedOut(_ locale: PageLocale) -> Response {
        .page(library.render(Page(template: "signed-out", locale: locale)))
    }
}

/// What the overview shows.
struct AccountOverview {
    let profile: AccountProfile
    let sessions: [SessionSummary]
    let current: SessionID
    let apps: [AppAccess]
    /// An older account had the number.
    let isParked: Bool
}

extension AccountError {
    /// Why a form of the account pages is shown again.
    var pageProblem: PageProblem {
        switch self {
        case .invalid(.number, _): PageProblem(key: "not_a_number", status: .unprocessableContent)
        case .invalid(.email, _): PageProblem(key: "not_an_email", status: .unprocessableContent)
        case .invalid(.password, .tooShort): PageProblem(key: "too_short", status: .unprocessableContent)
        case .invalid(.password, .tooLong): PageProblem(key: "too_long", status: .unprocessableContent)
        case .invalid(.password, _): PageProblem(key: "too_common", status: .unprocessableContent)
        case .numberCannotReceiveTexts: PageProblem(key: "cannot_receive", status: .unprocessableContent)
        case .wrongPassword: PageProblem(key: "wrong_password", status: .unauthorized)
        case .signInFailed: PageProblem(key: "wrong", status: .unauthorized)
        case .codeRefused(.wrong): PageProblem(key: "wrong", status: .unauthorized)
        case .codeRefused(.exhausted): PageProblem(key: "no_guess_left_now", status: .unprocessableContent)
        case .codeRefused(.unknown), .nothingPending: PageProblem(key: "expired", status: .notFound)
        case .codeRefused(.taken), .taken: PageProblem(key: "taken", status: .conflict)
        case .limited(let refusal):
            PageProblem(
                key: "limited", status: .tooManyRequests, retrySeconds: refusal.retryAfterSeconds,
                doneKey: "limited_now")
        case .busy(let seconds):
            PageProblem(key: "limited", status: .tooManyRequests, retrySeconds: seconds, doneKey: "limited_now")
        case .messagesUnavailable(let seconds):
            PageProblem(key: "unavailable", status: .serviceUnavailable, retrySeconds: seconds)
        case .unavailable: PageProblem(key: "unavailable", status: .serviceUnavailable, retrySeconds: 5)
        case .invalid, .unknownAccount: .sessionLost
        }
    }
}
