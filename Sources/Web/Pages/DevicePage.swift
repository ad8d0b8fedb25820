package import Hummingbird

/// `/device`: where a device without a keyboard sends people. No device can ask yet, and the page says so.
package struct DevicePage: Sendable {
    private let pages: SignInPages

    package init(pages: SignInPages) { self.pages = pages }

    package func add(to router: Router<DenwaRequestContext>) {
        router.get("/device") { request, _ in pages.device(locale: PageLocale(of: request)) }
    }
}
