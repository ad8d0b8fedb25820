/// The text that carries a code. Short enough for one segment in most languages; the code comes first, where a
/// lock screen shows it.
package struct SignInText: Sendable {
    package let code: String
    /// The client's registered name, cleaned when it was loaded.
    package let appName: String
    package let minutes: Int
    package let link: String?
    /// The site that a browser may fill the code in for: WebOTP's last line.
    package let webOTPDomain: String?
    /// The eleven characters by which Android's SMS Retriever finds the app.
    package let androidAppHash: String?

    package init(
        code: String, appName: String, minutes: Int, link: String?, webOTPDomain: String?, androidAppHash: String?
    ) {
        self.code = code
        self.appName = appName
        self.minutes = minutes
        self.link = link
        self.webOTPDomain = webOTPDomain
        self.androidAppHash = androidAppHash
    }

    package func body(locale: String) -> String {
        let text = Self.catalogue[locale] ?? Self.english
        var lines = [Self.fill(text.code, with: self)]
        if let link { lines.append("\(text.link) \(link)") }
        if let androidAppHash { lines.append(androidAppHash) }
        if let webOTPDomain { lines.append("\n@\(webOTPDomain) #\(code)") }
        return lines.joined(separator: "\n")
    }

    struct Wording: Sendable {
        let code: String
        let link: String
    }

    /// Placeholders are filled in one pass, so that a name that looks like a placeholder stays a name.
    private static func fill(_ template: String, with text: SignInText) -> String {
        var filled = ""
        var rest = template[...]
        while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
            filled += rest[..<open]
            switch rest[rest.index(after: open)..<close] {
            case "code": filled += text.code
            case "app": filled += text.appName
            case "minutes": filled += "\(text.minutes)"
            default: filled += rest[open...close]
            }
            rest = rest[rest.index(after: close)...]
        }
        return filled + rest
    }

    private static let english = Wording(
        code: "{code} is your {app} code. It works for {minutes} min. Never share it.", link: "Or open:")

    static let catalogue: [String: Wording] = [
        "en": english,
        "ja": Wording(code: "{code} は {app} の確認コードです（{minutes}分間有効）。誰にも教えないでください。", link: "またはこちらを開く:"),
        "zh-Hans": Wording(code: "{code} 是您的 {app} 验证码，{minutes} 分钟内有效。请勿告诉他人。", link: "或打开:"),
        "ko": Wording(code: "{code} {app} 인증 코드입니다({minutes}분간 유효). 타인에게 알려주지 마세요.", link: "또는 링크 열기:"),
        "es": Wording(code: "{code} es tu código de {app}. Vale {minutes} min. No lo compartas.", link: "O abre:"),
        "fr": Wording(
            code: "{code} est votre code {app}, valable {minutes} min. Ne le partagez pas.", link: "Ou ouvrez :"),
        "de": Wording(
            code: "{code} ist Ihr Code für {app}, {minutes} Min. gültig. Geben Sie ihn nicht weiter.",
            link: "Oder öffnen Sie:"),
        "pt": Wording(
            code: "{code} é o seu código de {app}. Vale {minutes} min. Não compartilhe.", link: "Ou abra:"),
        "ar": Wording(
            code: "{code} هو رمز {app} الخاص بك، صالح لمدة {minutes} دقائق. لا تشاركه مع أحد.", link: "أو افتح:"),
    ]
}
