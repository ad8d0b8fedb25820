import Testing

@testable import Web

/// What a browser takes for one cookie must not pass here for another.
@Suite struct RequestCookiesTests {
    @Test func `a cookie is found wherever it stands`() {
        let cookies = RequestCookies(["a=1; b=2;c=3", "d=4;\te=5=6"])
        #expect(cookies["a"] == "1")
        #expect(cookies["b"] == "2")
        #expect(cookies["c"] == "3")
        #expect(cookies["d"] == "4")
        #expect(cookies["e"] == "5=6")
        #expect(cookies["f"] == nil)
    }

    /// Each would be the session cookie to a parser that goes by `Character`.
    @Test(arguments: [
        "\u{A0}__Host-s=EVIL", "\u{2000}__Host-s=EVIL", "\u{85}__Host-s=EVIL", "foo=bar\u{37E} __Host-s=EVIL",
        "__Host-s\u{301}=EVIL", "__host-s=EVIL",
    ])
    func `a cookie that only looks like ours is another one`(_ planted: String) {
        #expect(RequestCookies([planted])["__Host-s"] == nil)
        #expect(RequestCookies(["\(planted); __Host-s=MINE"])["__Host-s"] == "MINE")
    }

    @Test func `two cookies of one name that differ are none`() {
        #expect(RequestCookies(["s=1; s=2"])["s"] == nil)
        #expect(RequestCookies(["s=1", "s=1"])["s"] == "1")
    }
}
