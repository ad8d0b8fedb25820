import Testing

@testable import ClientServers

@Suite struct ClientServerURLTests {
    @Test(arguments: [
        ("https://app.example/client", "app.example", 443, "https://app.example/client"),
        ("https://app.example", "app.example", 443, "https://app.example/"),
        ("https://app.example?x=1", "app.example", 443, "https://app.example/?x=1"),
        ("https://APP.Example:8443/A?b=%2F", "app.example", 8443, "https://app.example:8443/A?b=%2F"),
        ("http://127.0.0.1:8080/c", "127.0.0.1", 8080, "http://127.0.0.1:8080/c"),
        ("http://[::1]/c", "::1", 80, "http://[::1]/c"),
        ("https://xn--bcher-kva.example/c", "xn--bcher-kva.example", 443, "https://xn--bcher-kva.example/c"),
    ])
    func `a URL is taken apart`(_ row: (url: String, host: String, port: Int, text: String)) throws {
        let url = try #require(ClientServerURL(row.url))
        #expect(url.host == row.host)
        #expect(url.port == row.port)
        #expect(url.text == row.text)
    }

    /// Each is read differently by one reader of URLs or another.
    @Test(arguments: [
        "", "https://", "https:///path", "//app.example/", "app.example/client", "ftp://app.example/",
        "HTTPS://app.example/",
        "https:app.example", "https:/app.example", "file:///etc/passwd", "gopher://app.example/",
        "https://user@app.example/", "https://user:pass@app.example/", "https://app.example@10.0.0.1/",
        "https://app.example#@10.0.0.1/", "https://app.example/#fragment", "https://app.example\\@10.0.0.1/",
        "https://app.example/a b", "https://app.example/\u{E9}", "https://b\u{FC}cher.example/",
        "https://app_x.example/",
        "https://-app.example/", "https://app-.example/", "https://app..example/", "https://app.example./",
        "https://app%2eexample/", "https://app.example:/", "https://app.example:0/", "https://app.example:65536/",
        "https://app.example:+443/", "https://app.example:443:443/", "https://127.1/", "https://0x7f.0.0.1/",
        "https://0x7f000001/", "https://2130706433/", "https://0177.0.0.1/", "https://127.0.0.01/", "https://app.1/",
        "https://[::1/", "https://[127.0.0.1]/", "https://[::1%25lo]/", "https://[::1]x/", "https://\u{FF0F}/",
        "https://\(String(repeating: "a", count: 64)).example/",
        "https://a.example/\(String(repeating: "a", count: 2048))",
    ])
    func `what can be read in two ways is no URL`(_ text: String) {
        #expect(ClientServerURL(text) == nil)
    }

    @Test(arguments: [
        ("https://app.example/client.json", true), ("https://app.example/", true),
        ("https://app.example/a/b?c=d", true),
        ("https://app.example/a..b/.c", true), ("https://app.example", false), ("https://app.example?c=d", false),
        ("https://app.example/./client", false), ("https://app.example/a/../client", false),
        ("https://app.example/a/..", false), ("https://app.example/%2e%2E/client", false),
        ("https://app.example/.%2e", false),
    ])
    func `the id of a client has a path without dot segments`(_ row: (url: String, isDocument: Bool)) throws {
        #expect(try #require(ClientServerURL(row.url)).isDocument == row.isDocument)
    }
}
