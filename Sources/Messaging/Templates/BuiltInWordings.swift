extension TemplateCatalogue {
    /// The code comes first, where a lock screen shows it. Short, and without the accents that GSM-7 lacks (á, í, ó, ã),
    /// so that one segment is enough wherever a language allows it.
    static let builtIn: [String: (code: String, link: String)] = [
        "en": ("{code} is your {app} code. It works for {minutes} min. Never share it.", "Or open:"),
        "ja": ("{code} は {app} の確認コードです（{minutes}分間有効）。誰にも教えないでください。", "またはこちらを開く:"),
        "zh-Hans": ("{code} 是您的 {app} 验证码，{minutes} 分钟内有效。请勿告诉他人。", "或打开:"),
        "ko": ("{code} {app} 인증 코드입니다({minutes}분간 유효). 타인에게 알려주지 마세요.", "또는 링크 열기:"),
        "es": ("{code} es tu clave de {app}. Vale {minutes} min. No la compartas.", "O abre:"),
        "fr": ("{code} est votre code {app}, valable {minutes} min. Ne le partagez pas.", "Ou ouvrez :"),
        "de": ("{code} ist Ihr Code für {app}, {minutes} Min. gültig. Geben Sie ihn nicht weiter.", "Oder öffnen Sie:"),
        "pt": ("{code} abre a sua conta {app}. Vale por {minutes} min. Guarde em segredo.", "Ou abra:"),
        "ar": ("{code} رمز {app}، صالح {minutes} دقائق. لا تشاركه.", "أو افتح:"),
    ]

    /// Of e-mails, in every language.
    static let builtInSubject = "{app}: {code}"
}
