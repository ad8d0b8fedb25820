import HTTPTypes
import JOSE
import Messaging
import OAuth
import Testing
import WebResources

@testable import Web

/// The words of the pages, in every language.
@Suite struct CatalogueTests {
    /// Page, key, text.
    private typealias Catalogue = [String: [String: String]]

    static let locales = Resources.locales.keys.sorted()

    private static func catalogue(_ locale: String) throws -> Catalogue {
        let bytes = try #require(Resources.locales[locale])
        let pages = try #require(try JSONValue(parsing: bytes).object)
        var catalogue: Catalogue = [:]
        for page in pages.members {
            let texts = try #require(page.value.object)
            for text in texts.members {
                catalogue[page.name, default: [:]][text.name] = text.value.string
            }
        }
        return catalogue
    }

    private static func placeholders(_ text: String) -> [String] {
        text.matches(of: #/\{([^{}]*)\}/#).map { String($0.1) }.sorted()
    }

    @Test func `one list of languages holds everywhere`() {
        #expect(Set(ServerMetadata.uiLocales) == Set(Resources.locales.keys))
        #expect(Set(Resources.regions.keys) == Set(Resources.locales.keys))
        for locale in Self.locales {
            #expect(MessageLocale.best(for: [locale]) == locale, "texts go out in it")
        }
    }

    @Test(arguments: locales)
    func `every language has the same pages, keys and placeholders as English`(_ locale: String) throws {
        let (english, other) = (try Self.catalogue("en"), try Self.catalogue(locale))
        #expect(Set(other.keys) == Set(english.keys))
        for (page, texts) in english {
            #expect(Set(other[page, default: [:]].keys) == Set(texts.keys), "\(page)")
            for (key, text) in texts {
                let translated = other[page]?[key] ?? ""
                #expect(Self.placeholders(translated) == Self.placeholders(text), "\(page).\(key)")
            }
        }
    }

    @Test(arguments: locales)
    func `no text is empty, or holds what only looks like a text`(_ locale: String) throws {
        for (page, texts) in try Self.catalogue(locale) {
            for (key, text) in texts {
                #expect(text.contains { $0.isLetter }, "\(page).\(key)")
                #expect(text.first?.isWhitespace == false && text.last?.isWhitespace == false, "\(page).\(key)")
                #expect(!text.contains("  ") && !text.contains { $0.isNewline }, "\(page).\(key)")
                // What belongs into a template, or is a slip of an escape.
                #expect(!text.contains { "<>&\"\\".contains($0) }, "\(page).\(key)")
                let isolates = text.unicodeScalars.filter { (0x2066...0x2069).contains($0.value) }
                #expect(isolates.isEmpty, "\(page).\(key): the server sets them")
            }
        }
    }

    @Test func `only placeholders that somebody fills in are there`() throws {
        let known: Set<String> = [
            "app", "phone", "length", "time", "scope", "email", "hours", "minimum", "new_phone", "old_phone",
        ]
        for (page, texts) in try Self.catalogue("en") {
            for (key, text) in texts {
                #expect(known.isSuperset(of: Self.placeholders(text)), "\(page).\(key)")
            }
        }
    }

    /// A name or a scope that looks like a placeholder stays what it is.
    static let fillings: [(template: String, filled: String)] = [
        ("Sign in to {app}", "Sign in to {phone}"), ("{phone} and {app}", "+81{app} and {phone}"),
        ("{time}", "{time}"), ("{}", "{}"), ("{", "{"), ("}{", "}{"), ("{app", "{app"), ("{{app}}", "{{app}}"),
        ("", ""),
    ]

    @Test(arguments: fillings)
    func `placeholders are filled in once`(_ row: (template: String, filled: String)) {
        let values = ["app": "{phone}", "phone": "+81{app}"]
        #expect(PageCatalogue.fill(row.template, with: values) == row.filled)
    }
}

@Suite struct TemplateTests {
    static let names = Resources.templates.keys.sorted()

    private static func template(_ name: String) throws -> String {
        String(decoding: try #require(Resources.templates[name]), as: UTF8.self)
    }

    @Test(arguments: names)
    func `every template and partial names its content type first`(_ name: String) throws {
        #expect(try Self.template(name).hasPrefix("{{% CONTENT_TYPE:STRICT_HTML}}\n"))
    }

    /// The list of regions is markup that the server made and escaped; everything else is escaped by the template.
    @Test(arguments: names)
    func `nothing is left unescaped but the regions`(_ name: String) throws {
        let template = try Self.template(name)
        let unescaped = template.matches(of: #/\{\{\{[^{}]*\}\}\}|\{\{ *&[^{}]*\}\}/#).map { String($0.output) }
        #expect(unescaped == (["phone", "account-number"].contains(name) ? ["{{{options}}}"] : []))
    }

    /// What the content security policy would refuse, and what a person without a script could not do.
    @Test(arguments: names)
    func `no template holds a script, a style or a handler of its own`(_ name: String) throws {
        let template = try Self.template(name).lowercased()
        for tag in template.matches(of: #/<script[^>]*>/#) { #expect(tag.output.contains("src=")) }
        #expect(!template.contains("<style") && !template.contains(" style="))
        #expect(template.firstMatch(of: #/ on[a-z]+=/#) == nil)
        #expect(!template.contains("javascript:") && !template.contains("data:"))
    }

    @Test(arguments: names)
    func `every text that a template shows is in the catalogue`(_ name: String) throws {
        let bytes = try #require(Resources.locales["en"])
        let catalogue = try JSONValue(parsing: bytes)
        var known = Set(catalogue["common"]?.object?.members.map(\.name) ?? [])
        known.formUnion(catalogue[name]?.object?.members.map(\.name) ?? [])
        let shown = try Self.template(name).matches(of: #/\{\{[#^]? *text\.([a-z_]+) *\}\}/#).map { String($0.1) }
        #expect(known.isSuperset(of: shown), "\(Set(shown).subtracting(known).sorted())")
    }

    @Test(arguments: names)
    func `every partial that a template takes is there`(_ name: String) throws {
        let partials = try Self.template(name).matches(of: #/\{\{> *([^{} ]+) *\}\}/#).map { String($0.1) }
        #expect(Set(Self.names).isSuperset(of: partials))
    }
}

/// What comes out of the templates.
@Suite struct RenderingTests {
    static let pages = [
        "phone", "code", "consent", "choose", "link", "link-result", "sign-out", "signed-out", "error", "form-post",
        "device", "device-confirm", "device-result",
    ]

    private func client(_ name: String) -> Client {
        Client(
            id: ClientID("app"), name: name, authenticationMethod: .none, redirectURIs: [],
            grantTypes: [.authorizationCode])
    }

    /// Breaks out of whatever it is put into: a quote and a bracket that are no `Character` of their own.
    private static let hostile = "\"\u{301}autofocus onfocus=x >\u{338}<\u{338}xss y='\u{301}&\u{20DD}"

    private func contains(_ page: String, _ bytes: String) -> Bool {
        page.utf8.firstRange(of: Array(bytes.utf8)) != nil
    }

    @Test(arguments: pages, CatalogueTests.locales)
    func `nothing that a stranger writes becomes markup, on any page`(_ template: String, _ locale: String) throws {
        let text = Self.hostile
        let item: [String: Any] = ["name": text, "value": text, "title": text, "detail": text]
        var variables: [String: Any] = ["scopes": [item], "fields": [item]]
        for name in [
            "action", "csrf", "number", "problem", "problem_template", "problem_done", "retry_seconds", "flow",
            "code_length", "resend_action", "resend_seconds", "change_url", "wait_url", "finish_action", "session",
            "switch_url", "continue_url", "other_url", "operation_id", "link_token", "device", "started_at",
            "started_at_text", "heading", "detail", "request_id", "title", "user_code",
        ] { variables[name] = text }
        for flag in ["link_sent", "resent", "approved", "allowed", "denied", "gone"] { variables[flag] = true }
        let fixed = variables
        let library = try PageLibrary(brand: ServerBrand())
        let page = library.render(
            Page(
                template: template, locale: PageLocale(locale), client: client(text),
                texts: ["phone": text, "length": text, "scope": text, "time": text], variables: { _ in fixed }))
        #expect(contains(page, "&quot;\u{301}autofocus"), "it is there, escaped")
        for raw in ["\"\u{301}", "<\u{338}", ">\u{338}", "'\u{301}", "&\u{20DD}"] {
            #expect(!contains(page, raw))
        }
    }

    @Test(arguments: CatalogueTests.locales)
    func `a page says which language it is in, and which way it is read`(_ locale: String) throws {
        let library = try PageLibrary(brand: ServerBrand())
        for template in Self.pages {
            let page = library.render(Page(template: template, locale: PageLocale(locale), client: client("App")))
            let direction = locale == "ar" ? "rtl" : "ltr"
            #expect(page.trimmingPrefix(while: \.isWhitespace).hasPrefix("<!DOCTYPE html>"), "\(template)")
            #expect(page.contains("<html lang=\"\(locale)\" dir=\"\(direction)\">"), "\(template)")
            #expect(page.contains("</html>"), "\(template)")
            #expect(page.matches(of: #/<h1>/#).count <= 1, "\(template)")
        }
    }

    @Test func `a page that asks about an app shows the app, and says whose pages these are`() throws {
        var brand = ServerBrand()
        brand.name = "Example ID"
        let library = try PageLibrary(brand: brand)
        let page = library.render(Page(template: "device", locale: PageLocale("en"), client: client("écran")))
        #expect(page.contains("<span>écran</span>"))
        #expect(page.contains(">É</span>"), "without a logo its initial stands for it")
        #expect(page.contains("<footer>Example ID</footer>"))
        let own = library.render(Page(template: "device", locale: PageLocale("en")))
        #expect(own.contains("<span>Example ID</span>"))
        #expect(!own.contains("<footer>"))
    }

    @Test func `a client's colour and logo come before the server's, and nothing is loaded from elsewhere`() throws {
        let png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
        var brand = ServerBrand()
        brand.color = BrandColor("#00ff00")
        brand.logo = Logo(png)
        let library = try PageLibrary(brand: brand)
        func page(_ client: Client?) -> String {
            library.render(Page(template: "device", locale: PageLocale("en"), client: client))
        }
        var client = client("App")
        #expect(page(client).contains("/assets/theme-00ff00.css"))
        #expect(!page(client).contains("/assets/logo-"), "somebody else's page must not look like ours")
        client.brandColor = BrandColor("#ff0000")
        client.logo = Logo(png + [1])
        let own = try #require(client.logo)
        #expect(page(client).contains("/assets/theme-ff0000.css"))
        #expect(page(client).contains("/assets/logo-\(own.name)"))
        #expect(page(nil).contains("/assets/theme-00ff00.css"))
        for link in page(client).matches(of: #/(?:src|href)="([^"]*)"/#) { #expect(link.1.hasPrefix("/assets/")) }
    }

    /// People on a slow line see the first page in one go.
    @Test(arguments: CatalogueTests.locales)
    func `the first view is small in every language`(_ locale: String) throws {
        let library = try PageLibrary(brand: ServerBrand())
        let regions = try RegionList(allowed: [])
        // Of an ordinary length: with PKCE, state and nonce.
        func secret(_ letter: String) -> String { String(repeating: letter, count: 43) }
        let query = [
            "client_id=demo-app", "response_type=code", "redirect_uri=https%3A%2F%2Fapp.example%2Fcallback",
            "scope=openid%20phone%20offline_access", "state=\(secret("s"))", "nonce=\(secret("n"))",
            "code_challenge=\(secret("c"))", "code_challenge_method=S256",
        ].joined(separator: "&")
        let variables: [String: Any] = [
            "action": "/login?\(query)", "csrf": secret("t"), "number": "",
            "options": regions.options(locale: locale, selecting: regions.preferred(wishes: [], locale: locale)),
        ]
        let page = library.render(
            Page(
                template: "phone", locale: PageLocale(locale), client: client("An App of Ordinary Length"),
                variables: { _ in variables }))
        let theme = BrandTheme(BrandColor(red: 26, green: 115, blue: 232)).css
        let size = page.utf8.count + Resources.style.count + Resources.script.count + theme.utf8.count
        #expect(size <= 30_000, "\(size) bytes, of them \(page.utf8.count) of the page")
    }

    @Test func `style and script have addresses that change with them`() throws {
        let assets = try PageLibrary(brand: ServerBrand()).assets
        #expect(assets.style.wholeMatch(of: #//assets/denwa-[0-9a-f]{12}\.css/#) != nil)
        #expect(assets.script.wholeMatch(of: #//assets/denwa-[0-9a-f]{12}\.js/#) != nil)
    }

    /// Why a form is shown again.
    static let problems: [(seconds: Int?, shown: String)] = [
        (27, "Try again in 0:27."), (60, "Try again in 1:00."), (3599, "Try again in 59:59."),
        (3900, "Try again in 1:05:00."), (nil, "Try again in {time}."),
    ]

    @Test(arguments: problems)
    func `a wait is told in minutes and seconds, which need no plural`(_ row: (seconds: Int?, shown: String)) {
        var problem = PageProblem(key: "limited", status: .tooManyRequests)
        problem.retrySeconds = row.seconds
        problem.doneKey = "limited_now"
        let texts = ["limited": "Try again in {time}.", "limited_now": "Now."]
        let variables = problem.variables(texts)
        #expect((variables["problem"] as? String) == row.shown)
        #expect((variables["retry_seconds"] as? Int) == row.seconds)
        #expect((variables["problem_template"] as? String) == (row.seconds == nil ? nil : "Try again in {time}."))
        #expect((variables["problem_done"] as? String) == (row.seconds == nil ? nil : "Now."))
        #expect(problem.variables([:]).isEmpty)
    }
}
