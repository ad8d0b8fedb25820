import Accounts
import Testing

@Suite struct FoldedTextTests {
    /// Spellings that are one name.
    static let alike: [(spelling: String, name: String)] = [
        ("alice", "alice"), ("ALICE", "alice"), ("Alice", "alice"), ("ａｌｉｃｅ", "alice"), ("ＡＬＩＣＥ", "alice"),
        ("𝐚𝐥𝐢𝐜𝐞", "alice"), ("ⓐⓛⓘⓒⓔ", "alice"),
        ("ﬁnn", "finn"), ("Straße", "strasse"), ("STRASSE", "strasse"), ("ẞ", "ss"), ("ǆ", "dž"),
        ("e\u{301}", "é"), ("E\u{301}", "é"), ("\u{C9}", "é"), ("\u{212B}", "å"), ("\u{212A}elvin", "kelvin"),
        ("ΣΊΣΥΦΟΣ", "σίσυφοσ"), ("σίσυφος", "σίσυφοσ"), ("ｱﾘｽ", "アリス"), ("ｶﾞ", "ガ"), ("①", "1"), ("x²", "x2"),
        ("Ⅳ", "iv"),
        // Nothing of these is seen.
        ("al\u{AD}ice", "alice"), ("al\u{200B}ice", "alice"), ("al\u{200D}ice", "alice"), ("al\u{200C}ice", "alice"),
        ("\u{FEFF}alice", "alice"), ("alice\u{FE0F}", "alice"), ("al\u{2060}ice", "alice"), ("alice\u{E0061}", "alice"),
        ("al\u{34F}ice", "alice"), ("a\u{180B}lice", "alice"),
    ]

    @Test(arguments: alike)
    func `names that look alike are one`(_ row: (spelling: String, name: String)) throws {
        let folded = try #require(FoldedText(row.spelling))
        #expect(Array(folded.rawValue.unicodeScalars) == Array(row.name.unicodeScalars))
        #expect(folded == FoldedText(row.name))
    }

    /// Names that are two, however close.
    static let different: [(String, String)] = [
        ("ali", "alı"), ("alI", "alı"), ("İ", "i"), ("alice", "аlice"), ("alice", "alice "), ("alice", "al-ice"),
        ("e", "é"), ("o", "0"), ("l", "1"), ("あ", "ア"),
    ]

    @Test(arguments: different)
    func `names that differ stay two`(_ one: String, _ other: String) throws {
        let folded = try #require(FoldedText(one))
        #expect(folded != FoldedText(other))
    }

    @Test func `the dotted capital I of Turkish is an i with its dot, whatever the machine speaks`() throws {
        #expect(try #require(FoldedText("İ")).rawValue == "i\u{307}")
        #expect(try #require(FoldedText("ı")).rawValue == "ı")
        #expect(try #require(FoldedText("I")).rawValue == "i")
    }

    @Test(arguments: alike)
    func `folding again changes nothing`(_ row: (spelling: String, name: String)) throws {
        let once = try #require(FoldedText(row.spelling))
        #expect(FoldedText(once.rawValue)?.rawValue == once.rawValue)
    }

    @Test(arguments: ["", "\u{200B}", "\u{AD}\u{FEFF}", "\u{FE0F}", "\u{E0001}"])
    func `what nobody sees is no name`(_ text: String) {
        #expect(FoldedText(text) == nil)
    }

    @Test func `a name has an end`() throws {
        #expect(try #require(FoldedText(String(repeating: "a", count: 1024))).rawValue.utf16.count == 1024)
        #expect(FoldedText(String(repeating: "a", count: 1025)) == nil)
        #expect(FoldedText(String(repeating: "a", count: 1_000_000)) == nil)
        // One unit that folds to eighteen.
        #expect(try #require(FoldedText(String(repeating: "\u{FDFA}", count: 56))).rawValue.utf16.count == 1008)
        #expect(FoldedText(String(repeating: "\u{FDFA}", count: 57)) == nil)
        #expect(FoldedText(String(repeating: "𝐚", count: 513)) == nil)
    }
}
