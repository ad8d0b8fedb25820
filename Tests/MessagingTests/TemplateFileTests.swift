import Testing

@testable import Messaging

@Suite struct TemplateFileTests {
    private static func file(_ entries: String...) -> [UInt8] {
        Array(#"{"templates":[\#(entries.joined(separator: ","))]}"#.utf8)
    }

    private static let valid = #"{"purpose":"sign_in_code","text":"{code} is for you."}"#

    // MARK: - What is refused

    private static let badPurpose =
        #""purpose" must be one of \#(MessageTemplate.allCases.map(\.rawValue).joined(separator: ", "))"#
    private static let badLocale = #""locale" must be a BCP 47 tag such as pt-BR"#

    static let refusals: [(entry: String, problem: String)] = [
        (#"{"text":"{code}"}"#, badPurpose),
        (#"{"purpose":"code","text":"{code}"}"#, badPurpose),
        (#"{"purpose":7,"text":"{code}"}"#, badPurpose),
        (#"{"purpose":"sign_in_code","text":"{code}","channel":"post"}"#, #""channel" must be sms or email"#),
        (#"{"purpose":"sign_in_code","text":"{code}","channel":null}"#, #""channel" must be sms or email"#),
        (#"{"purpose":"sign_in_code","text":"{code}","client":""}"#, #""client" must be a client_id"#),
        (#"{"purpose":"sign_in_code","text":"{code}","client":7}"#, #""client" must be a client_id"#),
        (#"{"purpose":"sign_in_code","text":"{code}","locale":""}"#, badLocale),
        (#"{"purpose":"sign_in_code","text":"{code}","locale":"pt_BR"}"#, badLocale),
        (#"{"purpose":"sign_in_code","text":"{code}","locale":"pt-"}"#, badLocale),
        (#"{"purpose":"sign_in_code","text":"{code}","locale":"日本"}"#, badLocale),
        (#"{"purpose":"sign_in_code","text":"{code}","locale":7}"#, badLocale),
        (#"{"purpose":"sign_in_code"}"#, #""text" is missing"#),
        (#"{"purpose":"sign_in_code","text":""}"#, #""text" is missing"#),
        (#"{"purpose":"sign_in_code","text":7}"#, #""text" is missing"#),
        (#"{"purpose":"sign_in_code","text":"for you"}"#, #""text" lacks {code}"#),
        (#"{"purpose":"sign_in_code","text":"{code} {name}"}"#, #""text" has a place {name} that nothing fills here"#),
        (#"{"purpose":"sign_in_code","text":"{code} {Code}"}"#, #""text" has a place {Code} that nothing fills here"#),
        (#"{"purpose":"sign_in_code","text":"{code}{ app }"}"#, #""text" has a place { app } that nothing fills here"#),
        (#"{"purpose":"sign_in_code","text":"{code} {}"}"#, #""text" has a place {} that nothing fills here"#),
        (#"{"purpose":"sign_in_code","text":"{{code}} {{}}"}"#, #""text" has a place {} that nothing fills here"#),
        (#"{"purpose":"number_changed","text":"{app}"}"#, #""text" lacks {link}"#),
        (
            #"{"purpose":"number_changed","text":"{code} {link}"}"#,
            #""text" has a place {code} that nothing fills here"#
        ),
        (#"{"purpose":"password_reset_done","text":"{link}"}"#, #""text" has a place {link} that nothing fills here"#),
        (#"{"purpose":"sign_in_code","text":"{code} {link}"}"#, #""text" has a place {link} that nothing fills here"#),
        (#"{"purpose":"sign_in_code_and_link","text":"{code}"}"#, #""text" lacks {link}"#),
        (#"{"purpose":"sign_in_code_and_link","text":"{link}"}"#, #""text" lacks {code}"#),
        (#"{"purpose":"sign_in_code","text":"{code}","subject":"x"}"#, #""subject" is for e-mail"#),
        (#"{"purpose":"sign_in_code","text":"{code}","channel":"email"}"#, #""subject" is missing"#),
        (
            #"{"purpose":"sign_in_code_and_link","text":"{code} {link}","channel":"email","subject":"{link}"}"#,
            #""subject" has a place {link} that nothing fills here"#
        ),
        (#"{"purpose":"sign_in_code","text":"{code}","words":"x"}"#, #"there is no member "words""#),
    ]

    @Test(arguments: refusals)
    func `one deviation is refused, with the entry and the member`(_ row: (entry: String, problem: String)) {
        let failure = #expect(throws: TemplateFile.Failure.self) {
            try TemplateFile.catalogue(parsing: Self.file(Self.valid, row.entry))
        }
        #expect(failure?.problems == ["entry 2: \(row.problem)"])
    }

    /// `MessageText` leaves what is not closed as it stands: such a text would go out without its code.
    @Test(arguments: ["Your code: {code", "{minutes} min: {code", "{code} of {app", "{code} {"])
    func `a place that is not closed is refused`(_ text: String) {
        #expect(throws: TemplateFile.Failure.self) {
            try TemplateFile.catalogue(parsing: Self.file(#"{"purpose":"sign_in_code","text":"\#(text)"}"#))
        }
    }

    @Test func `a text has at most a thousand characters`() throws {
        func file(_ count: Int) -> [UInt8] {
            let text = "{code}" + String(repeating: "電", count: count - 6)
            return Self.file(#"{"purpose":"sign_in_code","text":"\#(text)"}"#)
        }
        _ = try TemplateFile.catalogue(parsing: file(1000))
        let failure = #expect(throws: TemplateFile.Failure.self) { try TemplateFile.catalogue(parsing: file(1001)) }
        #expect(failure?.problems == [#"entry 1: "text" is longer than 1000 characters"#])
    }

    static let others = [
        "", "null", "[]", "{}", #"{"templates":{}}"#, #"{"templates":null}"#, #"{"templates":[}"#, "\u{FEFF}{}",
    ]

    @Test(arguments: others)
    func `what is no list of templates is refused`(_ text: String) {
        let failure = #expect(throws: TemplateFile.Failure.self) {
            try TemplateFile.catalogue(parsing: Array(text.utf8))
        }
        #expect(failure?.problems.count == 1)
    }

    @Test func `all problems of all entries are told at once`() {
        let file = Self.file(
            "7", #"{"purpose":"sign_in_code","text":"{x} {y}","client":""}"#, Self.valid, #"{"purpose":"x"}"#)
        let failure = #expect(throws: TemplateFile.Failure.self) { try TemplateFile.catalogue(parsing: file) }
        let entries = failure?.problems.compactMap { $0.split(separator: ":").first.map(String.init) }
        #expect(entries == [1, 1, 2, 2, 2, 2, 4, 4].map { "entry \($0)" })
    }

    // MARK: - Who gets which

    private static let catalogue = file(
        #"{"purpose":"sign_in_code","client":"demo","locale":"ja","text":"{code} demo ja"}"#,
        #"{"purpose":"sign_in_code","locale":"ja","text":"{code} file ja"}"#,
        #"{"purpose":"sign_in_code","locale":"PT-br","text":"{code} file pt-BR"}"#,
        #"{"purpose":"sign_in_code","client":"demo","locale":"pt","text":"{code} demo pt"}"#,
        #"{"purpose":"sign_in_code","locale":"tlh","text":"{code} file tlh"}"#,
        #"{"purpose":"sign_in_code","client":"english","text":"{code} english en"}"#,
        #"{"purpose":"sign_in_code","locale":"zh-Hans","text":"{code} file zh-Hans"}"#,
        #"{"purpose":"sign_in_code","locale":"zh-TW","text":"{code} file zh-TW"}"#)

    struct Lookup: Sendable, CustomTestStringConvertible {
        let client: String
        let wishes: [String]
        /// Behind the code; `nil`: the built-in text.
        let words: String?
        let locale: String

        init(_ client: String, _ wishes: [String], _ words: String?, _ locale: String) {
            (self.client, self.wishes, self.words, self.locale) = (client, wishes, words, locale)
        }

        var testDescription: String { "\(client) \(wishes)" }
    }

    static let lookups: [Lookup] = [
        Lookup("demo", ["ja"], "demo ja", "ja"), Lookup("demo", ["ja-JP"], "demo ja", "ja"),
        Lookup("other", ["ja"], "file ja", "ja"), Lookup("other", ["JA"], "file ja", "ja"),
        // The longest match comes before the owner.
        Lookup("demo", ["pt-BR"], "file pt-BR", "PT-br"), Lookup("demo", ["pt-BR-x-a"], "file pt-BR", "PT-br"),
        Lookup("demo", ["pt-PT"], "demo pt", "pt"), Lookup("other", ["pt-PT"], nil, "pt"),
        // And the first wish before both.
        Lookup("demo", ["ko", "ja"], nil, "ko"), Lookup("demo", ["xx", "ja"], "demo ja", "ja"),
        Lookup("other", ["tlh-AQ"], "file tlh", "tlh"),
        Lookup("english", [], "english en", "en"), Lookup("english", ["xx"], "english en", "en"),
        Lookup("other", [], nil, "en"), Lookup("other", ["xx"], nil, "en"), Lookup("DEMO", ["ja"], "file ja", "ja"),
        Lookup("demo", ["zh"], "file zh-Hans", "zh-Hans"), Lookup("demo", ["zh-CN"], "file zh-Hans", "zh-Hans"),
        Lookup("demo", ["zh_SG"], "file zh-Hans", "zh-Hans"), Lookup("demo", ["zh-Hans-HK"], "file zh-Hans", "zh-Hans"),
        Lookup("demo", ["zh-TW"], "file zh-TW", "zh-TW"), Lookup("demo", ["zh-Hant-TW"], nil, "en"),
        Lookup("demo", ["zh-HK"], nil, "en"),
    ]

    @Test(arguments: lookups)
    func `the longest match decides, then the client's own, the file's, the built-in`(_ lookup: Lookup) throws {
        let catalogue = try TemplateFile.catalogue(parsing: Self.catalogue)
        let found = catalogue.wording(of: .signInCode, channel: .sms, client: lookup.client, wishes: lookup.wishes)
        let builtIn = TemplateCatalogue.builtIn[lookup.locale]?.code
        let expected = lookup.words.map { "{code} \($0)" } ?? builtIn
        #expect(found.wording.text == expected)
        #expect(found.locale == lookup.locale)
    }

    /// Browsers of mainland China say `zh-CN`, and so do the people who write templates for it.
    @Test(arguments: ["zh-CN", "zh-SG", "zh"])
    func `a text may be filed under the name that browsers use`(_ locale: String) throws {
        let catalogue = try TemplateFile.catalogue(
            parsing: Self.file(#"{"purpose":"sign_in_code","locale":"\#(locale)","text":"{code} 的"}"#))
        let found = catalogue.wording(of: .signInCode, channel: .sms, client: "demo", wishes: [locale])
        #expect(found.wording.text == "{code} 的")
    }

    @Test func `a text is for one purpose and one channel`() throws {
        let catalogue = try TemplateFile.catalogue(
            parsing: Self.file(
                Self.valid,
                #"{"purpose":"sign_in_code_and_link","channel":"email","subject":"For {app}","text":"{link} {code}"}"#))
        func text(_ template: MessageTemplate, _ channel: MessageChannel) -> String {
            catalogue.wording(of: template, channel: channel, client: "demo", wishes: []).wording.text
        }
        let builtIn = try #require(TemplateCatalogue.builtIn["en"])
        #expect(text(.signInCode, .sms) == "{code} is for you.")
        #expect(text(.signInCode, .email) == builtIn.code)
        #expect(text(.signInCodeAndLink, .sms) == "\(builtIn.code)\n\(builtIn.link) {link}")
        #expect(text(.signInCodeAndLink, .email) == "{link} {code}")
    }

    @Test func `an e-mail has its subject, and no lines for machines`() throws {
        let entry = #"{"purpose":"sign_in_code","channel":"email","subject":"{app} {code}","text":"{code}!"}"#
        let catalogue = try TemplateFile.catalogue(parsing: Self.file(entry))
        let text = MessageText(
            code: "246802", appName: "Game", minutes: 3, link: nil, webOTPDomain: "game.example",
            androidAppHash: "FA+9qCX9VSu")
        let found = catalogue.wording(of: .signInCode, channel: .email, client: "demo", wishes: [])
        let content = text.content(of: found.wording, channel: .email)
        #expect(content.subject == "Game 246802")
        #expect(content.body == "246802!")
    }

    @Test func `the languages that a client's people can get are its own, the file's and the built-in`() throws {
        let catalogue = try TemplateFile.catalogue(parsing: Self.catalogue)
        let demo = catalogue.locales(of: .signInCode, channel: .sms, client: "demo")
        #expect(Set(demo) == Set(TemplateCatalogue.builtIn.keys).union(["PT-br", "tlh", "zh-TW"]))
        #expect(demo == demo.sorted())
        #expect(catalogue.locales(of: .signInCode, channel: .email, client: "demo").count == 9)
    }

    @Test func `an empty list is the built-in texts, and a later file takes the place of an earlier`() throws {
        let templates = MessageTemplates(try TemplateFile.catalogue(parsing: Self.file(Self.valid)))
        templates.replace(with: try TemplateFile.catalogue(parsing: Self.file()))
        let found = templates.catalogue.wording(of: .signInCode, channel: .sms, client: "demo", wishes: [])
        #expect(found.wording.text == TemplateCatalogue.builtIn["en"]?.code)
    }
}
