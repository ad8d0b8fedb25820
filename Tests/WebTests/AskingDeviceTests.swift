import HTTPTypes
import Hummingbird
import NIOCore
import OAuth
import Testing

@testable import Web

/// What a person reads of the device that asks: a few words of ours, never a stranger's.
@Suite struct AskingDeviceTests {
    private static let chrome = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0"
    private static let apple = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
    private static let iPhone = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) \(apple)"
    private static let windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
    private static let android = "Mozilla/5.0 (Linux; Android 14; Pixel 8)"

    static let devices: [(userAgent: String, description: String)] = [
        ("\(windows) \(chrome) Safari/537.36", "Chrome · Windows"),
        ("\(windows) \(chrome) Safari/537.36 Edg/131.0.2903.70", "Edge · Windows"),
        ("\(windows) \(chrome) Safari/537.36 OPR/115.0.0.0", "Opera · Windows"),
        ("\(windows) \(chrome) Safari/537.36 Vivaldi/7.0.3495.15", "Vivaldi · Windows"),
        ("\(windows) \(chrome) YaBrowser/24.12.0.0 Safari/537.36", "Yandex · Windows"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0", "Firefox · Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0", "Firefox · Linux"),
        ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) \(chrome) Safari/537.36", "Chrome · ChromeOS"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) \(apple) Version/18.1 Safari/605.1.15", "Safari · Mac"),
        ("\(iPhone) Version/18.1 Mobile/15E148 Safari/604.1", "Safari · iPhone"),
        ("\(iPhone) CriOS/131.0.6778.73 Mobile/15E148 Safari/604.1", "Chrome · iPhone"),
        ("Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) \(apple) FxiOS/132.0 Safari/605.1.15", "Firefox · iPad"),
        ("\(android) \(chrome) Mobile Safari/537.36", "Chrome · Android"),
        ("\(android) \(chrome) Mobile Safari/537.36 EdgA/131.0.0.0", "Edge · Android"),
        ("\(android) SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile Safari/537.36", "Samsung Internet · Android"),
        ("Mozilla/5.0 (Android 14; Mobile; rv:132.0) Gecko/132.0 Firefox/132.0", "Firefox · Android"),
        ("Mozilla/5.0 (PlayStation; PlayStation 5/2.26) \(apple) Safari/605.1.15", "Safari · PlayStation"),
        ("UnityPlayer/2022.3.10f1 (UnityWebRequest/1.0, libcurl/8.1.1-DEV)", "Unity"),
        ("MyGame/++UE5+Release-5.3-CL-29314046 Windows/10.0.22631.1.256.64bit", "Windows"),
        ("Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/AP1A.240505.005)", "Android"),
    ]

    @Test(arguments: devices)
    func `a device is told in the words people know it by`(_ row: (userAgent: String, description: String)) {
        #expect(AskingDevice.description(userAgent: row.userAgent) == row.description)
    }

    @Test(arguments: [
        nil, "", " ", "curl/8.5.0", "okhttp/4.12.0", "python-requests/2.32", "Mozilla/5.0", "your bank",
        "Android".lowercased(), "\u{0}", "Chr\u{F6}me",
    ])
    func `what is not known is not told`(_ userAgent: String?) {
        #expect(AskingDevice.description(userAgent: userAgent) == nil)
    }

    /// Everything that can ever be shown.
    private static let words: Set<String> = [
        "Edge", "Opera", "Samsung Internet", "Yandex", "Vivaldi", "Firefox", "Chrome", "Safari", "Unity",
        "Unreal Engine", "iPhone", "iPad", "Android", "Windows", "ChromeOS", "Mac", "Nintendo", "PlayStation", "Xbox",
        "Linux",
    ]

    @Test(arguments: [
        "Your bank's own Chrome on Windows", "<script>alert(1)</script> Firefox (Android)", "\" onload=x Chrome",
        "Chrome\u{301} Windows\u{338}", "\u{202E}emorhC Chrome", "Chrome · Windows · approve this", "Chrome\r\nX: y",
        String(repeating: "Windows ", count: 100_000), "call +81 90 1234 5678 now Safari iPhone",
        "Chrome/131 \u{2066}Windows\u{2069}",
    ])
    func `nothing that a stranger writes is shown`(_ userAgent: String) {
        guard let description = AskingDevice.description(userAgent: userAgent) else { return }
        let parts = description.split(separator: " · ").map(String.init)
        #expect((1...2).contains(parts.count))
        #expect(Self.words.isSuperset(of: parts), "\(description)")
    }
}

/// Which language a page is in.
@Suite struct PageLocaleTests {
    private func request(_ acceptLanguage: String?) -> Request {
        var fields = HTTPFields()
        fields[.acceptLanguage] = acceptLanguage
        let head = HTTPRequest(
            method: .get, scheme: "https", authority: "login.example", path: "/", headerFields: fields)
        return Request(head: head, body: RequestBody(buffer: ByteBuffer()))
    }

    static let rows: [(uiLocales: [String], acceptLanguage: String?, fallback: String?, tag: String)] = [
        ([], nil, nil, "en"), ([], nil, "ja", "ja"), ([], "fr", "ja", "fr"), (["de"], "fr", "ja", "de"),
        (["xx", "ko"], "fr", nil, "ko"), (["xx"], "yy, fr;q=0.5, es;q=0.9", nil, "es"), (["xx"], "yy", "zz", "en"),
        ([], "de-CH, de;q=0.9", nil, "de"), ([], "zh-CN", nil, "zh-Hans"), ([], "zh", nil, "zh-Hans"),
        ([], "zh-Hans-SG", nil, "zh-Hans"), ([], "zh-TW, en", nil, "en"), ([], "pt-BR", nil, "pt"),
        ([], "ar-EG", nil, "ar"), ([], "*", "ja", "ja"), ([], "en;q=0, ja", nil, "ja"), (["JA-jp"], nil, nil, "ja"),
        ([], "", "ja", "ja"), ([], ";;;,,,", "ja", "ja"), ([], String(repeating: "xx,", count: 10_000), "ja", "ja"),
        (["<script>"], nil, nil, "en"), ([String(repeating: "ja-", count: 10_000)], nil, nil, "en"),
    ]

    @Test(arguments: rows)
    func `the app's wish comes first, then the browser's, then the client's`(
        _ row: (uiLocales: [String], acceptLanguage: String?, fallback: String?, tag: String)
    ) {
        var client = Client(
            id: ClientID("app"), name: "App", authenticationMethod: .none, redirectURIs: [],
            grantTypes: [.authorizationCode])
        client.defaultLocale = row.fallback
        let locale = PageLocale(of: request(row.acceptLanguage), uiLocales: row.uiLocales, client: client)
        #expect(locale.tag == row.tag)
        #expect(locale.isRightToLeft == (row.tag == "ar"))
    }
}
