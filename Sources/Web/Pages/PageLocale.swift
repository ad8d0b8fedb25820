import HTTPTypes
import Hummingbird
import Messaging
import OAuth

/// The language a page is written in.
struct PageLocale: Sendable, Hashable {
    /// BCP 47, one of the catalogue's.
    let tag: String
    /// What the visitor asked for, best first.
    let wishes: [String]

    init(_ tag: String, wishes: [String] = []) {
        self.tag = tag
        self.wishes = wishes
    }

    /// By the app's `ui_locales`, by the browser, by the language of the client's people.
    init(of request: Request, uiLocales: [String] = [], client: Client? = nil) {
        wishes = MessageLocale.wishes(
            uiLocales: uiLocales, acceptLanguage: request.headers[.acceptLanguage], fallback: client?.defaultLocale)
        tag = MessageLocale.best(for: wishes)
    }

    var isRightToLeft: Bool { tag == "ar" }
}
