import TestSupport
import Testing
import Time

@testable import Messaging

@Suite struct MessageTextTests {
    private static let locales = ["en", "ja", "zh-Hans", "ko", "es", "fr", "de", "pt", "ar"]

    private func text(
        app: String = "The Game", link: String? = nil, webOTPDomain: String? = nil, androidAppHash: String? = nil
    ) -> MessageText {
        MessageText(
            code: "246802", appName: app, minutes: 3, link: link, webOTPDomain: webOTPDomain,
            androidAppHash: androidAppHash)
    }

    private func body(of text: MessageText, locale: String) -> String {
        let wording = TemplateCatalogue().wording(
            of: text.link == nil ? .signInCode : .signInCodeAndLink, channel: .sms, client: "game", wishes: [locale]
        ).wording
        return text.content(of: wording, channel: .sms).body
    }

    @Test func `nine languages are spoken, and English where there is none`() {
        #expect(Set(TemplateCatalogue.builtIn.keys) == Set(Self.locales))
        #expect(body(of: text(), locale: "tlh") == body(of: text(), locale: "en"))
    }

    @Test(arguments: locales)
    func `a text begins with the code, names app and time, and leaves nothing unfilled`(_ locale: String) throws {
        let body = body(of: text(), locale: locale)
        #expect(body.hasPrefix("246802 "))
        #expect(body.contains("The Game"))
        #expect(body.dropFirst(6).contains("3"))
        #expect(!body.contains("{") && !body.contains("}"))
        #expect(!body.contains("\n"))
        #expect(MessageLength(of: body).segments == 1)

        let wording = try #require(TemplateCatalogue.builtIn[locale])
        #expect(Set(placeholders(wording.code)) == ["{code}", "{app}", "{minutes}"])
        #expect(placeholders(wording.code).count == 3)
        #expect(placeholders(wording.link).isEmpty)
        #expect(!wording.link.isEmpty)
    }

    private func placeholders(_ template: String) -> [String] {
        template.matches(of: /\{[^}]*\}/).map { String($0.output) }
    }

    @Test(arguments: locales)
    func `everything has its line, and WebOTP's is the last`(_ locale: String) throws {
        let link = "https://game.example/link?operation_id=o&link_token=t"
        let body = body(
            of: text(link: link, webOTPDomain: "game.example", androidAppHash: "FA+9qCX9VSu"), locale: locale)
        let lines = body.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count == 5)
        #expect(lines[0].hasPrefix("246802 "))
        #expect(lines[1].hasSuffix(" " + link), "nothing behind a link that it could be read as part of")
        #expect(lines[2] == "FA+9qCX9VSu")
        #expect(lines[3] == "")
        #expect(lines[4] == "@game.example #246802")
    }

    static let parts: [(link: String?, domain: String?, hash: String?, rest: [String])] = [
        (nil, nil, nil, []), (nil, "game.example", nil, ["", "@game.example #246802"]),
        (nil, nil, "FA+9qCX9VSu", ["FA+9qCX9VSu"]), ("https://x.example", nil, nil, ["Or open: https://x.example"]),
        ("https://x.example", "game.example", nil, ["Or open: https://x.example", "", "@game.example #246802"]),
    ]

    @Test(arguments: parts)
    func `what a client did not ask for leaves no line`(
        _ row: (link: String?, domain: String?, hash: String?, rest: [String])
    ) {
        let body = body(
            of: text(link: row.link, webOTPDomain: row.domain, androidAppHash: row.hash), locale: "en")
        #expect(body.split(separator: "\n", omittingEmptySubsequences: false).dropFirst().map(String.init) == row.rest)
    }

    @Test(arguments: ["{code}", "{minutes}", "{app}", "{", "}", "{}", "{x}", "}{code}{", "\\(code)", "%s"])
    func `a name that looks like a placeholder stays a name`(_ name: String) {
        let body = body(of: text(app: name), locale: "en")
        #expect(body == "246802 is your \(name) code. It works for 3 min. Never share it.")
    }
}

@Suite struct NeutralisedNameTests {
    static let names: [(name: String, shown: String)] = [
        ("The Game", "The Game"), ("evil.example", "evil. example"),
        ("https://evil.example/x", "https:  evil. example x"),
        ("Dr. Mario", "Dr. Mario"), ("a@evil.example", "a evil. example"), ("例え。テスト", "例え。 テスト"),
        ("Game 2.0", "Game 2. 0"), ("電話", "電話"),
    ]

    /// Telephones make links of whatever looks like an address.
    @Test(arguments: names)
    func `a name is no address`(_ row: (name: String, shown: String)) {
        let text = MessageText(
            code: "246802", appName: row.name, minutes: 3, link: nil, webOTPDomain: nil, androidAppHash: nil)
        let wording = TemplateWording(text: "{code} {app}", subject: nil)
        #expect(text.content(of: wording, channel: .sms).body == "246802 \(row.shown)")
    }
}

@Suite struct MessageLocaleTests {
    static let wishes: [(wishes: [String], locale: String)] = [
        ([], "en"), (["ja"], "ja"), (["JA"], "ja"), (["ja-JP"], "ja"), (["ja_JP"], "ja"),
        (["ja-Jpan-JP-x-private"], "ja"),
        (["pt-BR"], "pt"), (["ar-EG"], "ar"), (["zh"], "zh-Hans"), (["zh-CN"], "zh-Hans"), (["zh-SG"], "zh-Hans"),
        (["zh-Hans"], "zh-Hans"), (["zh-hans-HK"], "zh-Hans"), (["zh-Hans-CN"], "zh-Hans"), (["zh_CN"], "zh-Hans"),
        // Traditional characters are another script: better English than the wrong one.
        (["zh-TW"], "en"), (["zh-Hant"], "en"), (["zh-HK", "ko"], "ko"),
        (["tlh", "fr"], "fr"), (["fr", "de"], "fr"), (["xx-YY", "de-CH-1996"], "de"), (["x"], "en"), ([""], "en"),
        (["-"], "en"), (["-ja"], "ja"), (["english"], "en"), (["jap"], "en"), (["\u{202E}ja"], "en"), (["ja\n"], "en"),
        ([String(repeating: "a-", count: 10_000)], "en"),
        // Longer than any tag that means something: not looked at.
        (["ja-" + String(repeating: "a-", count: 20)], "en"),
    ]

    @Test(arguments: wishes)
    func `the longest prefix of the first wish that is spoken decides`(_ row: (wishes: [String], locale: String)) {
        #expect(MessageLocale.best(for: row.wishes) == row.locale)
    }

    static let headers: [(header: String, wishes: [String])] = [
        ("", []), ("ja", ["ja"]), ("ja,en", ["ja", "en"]), ("ja, en;q=0.8, de;q=0.9", ["ja", "de", "en"]),
        ("en;q=0.5,ja;q=1.0", ["ja", "en"]), ("de;q=0.5, fr;q=0.5", ["de", "fr"]), ("ja;q=0, en", ["en"]),
        ("ja;q=0.000", []), ("*", []), ("*;q=0.5, fr;q=0.1", ["fr"]), (" ja ; q = 0.3 , de ; q=0.4", ["de", "ja"]),
        ("ja;q=x", ["ja"]), ("ja;q=", ["ja"]), ("ja;q=nan", []), (",,,ja,,", ["ja"]), ("ja;q=-1", []),
        ((0..<50).map { "a\($0)" }.joined(separator: ","), (0..<10).map { "a\($0)" }),
    ]

    @Test(arguments: headers)
    func `Accept-Language is read best first`(_ row: (header: String, wishes: [String])) {
        #expect(MessageLocale.wishes(acceptLanguage: row.header) == row.wishes)
    }
}
