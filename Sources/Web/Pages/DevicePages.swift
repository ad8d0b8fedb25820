import Accounts
import HTTPTypes
import Hummingbird
import OAuth

/// The pages of `/device` as responses.
package struct DevicePages: Sendable {
    private let library: PageLibrary

    package init(library: PageLibrary) { self.library = library }

    /// - Parameter typed: what stands in the field already.
    /// - Parameter isLinked: the code came with the address, so the person has to compare it.
    func entry(
        _ typed: String, isLinked: Bool = false, locale: PageLocale, formToken: String, problem: PageProblem? = nil
    ) -> Response {
        let page = Page(template: "device", locale: locale) { texts in
            var variables: [String: Any] = ["csrf": formToken, "user_code": typed]
            if isLinked { variables["linked"] = true }
            return variables.merging(problem?.variables(texts) ?? [:]) { $1 }
        }
        return response(page, problem)
    }

    func question(
        _ question: DeviceQuestion, locale: PageLocale, formToken: String, switchAddress: String
    ) -> Response {
        // In the very words of the consent page.
        let wishes = SignInPages.wishes(
            of: question.scope, library.catalogue.texts(of: "consent", locale: locale.tag, values: [:]))
        let page = Page(
            template: "device-confirm", locale: locale, client: question.client,
            texts: SignInPages.texts(of: question.session)
        ) { texts in
            let scopes: [[String: Any]] = wishes.map { ["title": $0] }
            var variables: [String: Any] = [
                "csrf": formToken, "session": question.session.id.rawValue, "user_code": question.userCode.text,
                "device": question.askingDevice ?? texts["unknown_device"] ?? "", "scopes": scopes,
                "switch_url": switchAddress,
            ]
            // A stranger chose the name; this is what they did not choose freely.
            if question.client.isSelfDescribed { variables["site"] = question.client.id.rawValue }
            return variables
        }
        return response(page, nil)
    }

    /// `allowed` or `denied`.
    func result(_ result: String, client: Client, locale: PageLocale) -> Response {
        let page = Page(template: "device-result", locale: locale, client: client) { texts in
            [result: true, "title": texts["title_\(result)"] ?? ""]
        }
        return response(page, nil)
    }

    private func response(_ page: Page, _ problem: PageProblem?) -> Response {
        var response = Response.page(library.render(page), status: problem?.status ?? .ok)
        if let seconds = problem?.retrySeconds { response.headers[.retryAfter] = "\(seconds)" }
        return response
    }
}
