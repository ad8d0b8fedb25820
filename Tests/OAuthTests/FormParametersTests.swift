import Cryptography
import OAuth
import Testing

@Suite struct FormParametersTests {
    static let readable: [(form: String, name: String, value: String?)] = [
        ("code=abc", "code", "abc"), ("code=a+b", "code", "a b"), ("code=a%20b", "code", "a b"),
        ("code=%2B", "code", "+"),
        ("code=%e9%9B%bb", "code", "電"), ("code=電", "code", "電"), ("c%6Fde=abc", "code", "abc"), ("a+b=c", "a b", "c"),
        ("code=a=b==", "code", "a=b=="), ("code=a%26b%3Dc", "code", "a&b=c"), ("code=a?b#c/d", "code", "a?b#c/d"),
        ("code", "code", nil), ("code=", "code", nil), ("", "code", nil), ("&&", "code", nil), ("=abc", "code", nil),
        ("=abc", "", "abc"), ("x=1&code=abc&y=2", "code", "abc"), ("&code=abc&&", "code", "abc"),
        ("Code=abc", "code", nil), ("code =abc", "code", nil), ("code[]=abc", "code", nil),
        ("code=abc;state=x", "code", "abc;state=x"), ("%00code=abc", "code", nil),
    ]

    @Test(arguments: readable)
    func `a parameter is decoded, and one without a value is as good as none`(
        _ row: (form: String, name: String, value: String?)
    ) throws {
        guard row.form.contains("%00") == false else {
            #expect(throws: FormParameters.Failure.malformed) { try FormParameters(parsing: row.form) }
            return
        }
        #expect(try FormParameters(parsing: row.form).optional(row.name) == row.value)
    }

    static let malformed = [
        "code=%", "code=%2", "code=%zz", "code=%2g", "code=%%20", "%=abc", "code=%-1", "code=%+1", "code=a%C3",
        "code=%80", "code=%FF", "code=%C0%AF", "code=%ED%A0%80", "code=%F4%90%80%80", "code=%00", "code=a%00b",
        "code=\u{0}", "x=%FF&code=abc", "code=%２０",
    ]

    @Test(arguments: malformed)
    func `what is not UTF-8, or has a NUL, is refused whole`(_ form: String) {
        #expect(throws: FormParameters.Failure.malformed) { try FormParameters(parsing: form) }
    }

    @Test(arguments: ["code=a&code=b", "code=a&code=a", "code=a&x=1&c%6Fde=b", "code=&code=a", "code&code"])
    func `a parameter that is asked for may be there once`(_ form: String) throws {
        let parameters = try FormParameters(parsing: form)
        #expect(throws: FormParameters.Failure.repeated) { try parameters.optional("code") }
        #expect(throws: OAuthError.self) { try parameters.value("code") }
        #expect(throws: OAuthError.self) { try parameters.required("code", "code is missing") }
    }

    @Test func `parameters that nobody asks for may repeat`() throws {
        let parameters = try FormParameters(parsing: "utm=1&utm=2&code=abc")
        #expect(try parameters.optional("code") == "abc")
        #expect(try parameters.value("code") == "abc")
    }

    @Test func `a parameter that is missing has the words of its endpoint`() throws {
        let failure = #expect(throws: OAuthError.self) {
            try FormParameters(parsing: "code=").required("code", "code is missing")
        }
        #expect(failure?.code == .invalidRequest)
        #expect(failure.map { "\($0.description)" } == "code is missing")
    }

    @Test func `a parameter's name is its bytes`() throws {
        // U+212A is K to Swift.
        let parameters = try FormParameters(parsing: "%E2%84%AA=kelvin&K=letter")
        #expect(try parameters.optional("K") == "letter")
    }

    @Test func `an empty form is empty`() throws {
        #expect(FormParameters.none.isEmpty)
        #expect(try FormParameters(parsing: "").isEmpty)
        #expect(try FormParameters(parsing: "&").isEmpty)
        #expect(try FormParameters(parsing: "a").isEmpty == false)
    }

    /// Whatever bytes come, the parser ends and what it gives back is what a second reading gives.
    @Test func `random forms never break it`() {
        var generator = SystemRandomNumberGenerator()
        let alphabet = Array("ab=&+%0F2\u{E9}".utf8) + [0xFF, 0x00]
        for _ in 0..<5000 {
            let bytes = (0..<Int.random(in: 0...24, using: &generator)).map { _ in
                alphabet.randomElement(using: &generator) ?? 0
            }
            let form = String(decoding: bytes, as: UTF8.self)
            guard let parameters = try? FormParameters(parsing: form), let value = try? parameters.optional("a") else {
                continue
            }
            let again = try? FormParameters(parsing: "a=" + PercentEncoding.encode(value)).optional("a")
            #expect(again == value)
        }
    }
}
