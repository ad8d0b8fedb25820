/// The built-in words about an account, in one language.
struct AccountWordings: Sendable {
    /// "Your account", for subjects.
    let account: String
    let verificationCode: String
    let verificationCompleted: String
    let passwordReset: String
    let passwordResetToken: String
    let passwordResetDone: String
    let numberChanged: String

    var texts: [MessageTemplate: String] {
        [
            .verificationCode: verificationCode, .verificationCompleted: verificationCompleted,
            .passwordReset: passwordReset, .passwordResetToken: passwordResetToken,
            .passwordResetDone: passwordResetDone, .numberChanged: numberChanged,
        ]
    }
}

extension TemplateCatalogue {
    /// Each says first what it is about, and what to do when somebody else asked for it. Without the accents that
    /// GSM-7 lacks, like the sign-in texts.
    static let builtInForAccounts: [String: AccountWordings] = [
        "en": AccountWordings(
            account: "your account",
            verificationCode:
                "{code} confirms this for your {app} account. It works for {minutes} min. Never share it.",
            verificationCompleted: "Confirmed: this now belongs to your {app} account.",
            passwordReset: "{code} resets your {app} password. It works for {minutes} min. Never share it.",
            passwordResetToken:
                "With this code you can choose a new {app} password. It works for {minutes} min. Never share it.\n{code}",
            passwordResetDone: "Your {app} password was changed. If it was not you, reset it now.",
            numberChanged: "The phone number of your {app} account was changed. Not you? Undo it: {link}"),
        "ja": AccountWordings(
            account: "アカウントについて",
            verificationCode: "{code} は {app} アカウントの確認コードです（{minutes}分間有効）。誰にも教えないでください。",
            verificationCompleted: "{app} アカウントへの登録を確認しました。",
            passwordReset: "{code} は {app} のパスワード再設定コードです（{minutes}分間有効）。誰にも教えないでください。",
            passwordResetToken:
                "次のコードで {app} の新しいパスワードを設定できます（{minutes}分間有効）。誰にも教えないでください。\n{code}",
            passwordResetDone: "{app} のパスワードが変更されました。心当たりがない場合は、すぐに再設定してください。",
            numberChanged: "{app} アカウントの電話番号が変更されました。心当たりがない場合は取り消してください: {link}"),
        "zh-Hans": AccountWordings(
            account: "您的账号",
            verificationCode: "{code} 是您 {app} 账号的确认码，{minutes} 分钟内有效。请勿告诉他人。",
            verificationCompleted: "已确认，并关联到您的 {app} 账号。",
            passwordReset: "{code} 用于重置您的 {app} 密码，{minutes} 分钟内有效。请勿告诉他人。",
            passwordResetToken: "用以下代码可以设置新的 {app} 密码，{minutes} 分钟内有效。请勿告诉他人。\n{code}",
            passwordResetDone: "您的 {app} 密码已更改。如果不是您本人操作，请立即重置。",
            numberChanged: "您 {app} 账号的电话号码已更改。不是您本人？请撤销: {link}"),
        "ko": AccountWordings(
            account: "계정 안내",
            verificationCode: "{code} {app} 계정 확인 코드입니다({minutes}분간 유효). 타인에게 알려주지 마세요.",
            verificationCompleted: "확인되었습니다. {app} 계정에 등록했습니다.",
            passwordReset: "{code} {app} 비밀번호 재설정 코드입니다({minutes}분간 유효). 타인에게 알려주지 마세요.",
            passwordResetToken:
                "아래 코드로 새 {app} 비밀번호를 정할 수 있습니다({minutes}분간 유효). 타인에게 알려주지 마세요.\n{code}",
            passwordResetDone: "{app} 비밀번호가 변경되었습니다. 본인이 아니라면 지금 재설정하세요.",
            numberChanged: "{app} 계정의 전화번호가 변경되었습니다. 본인이 아니라면 취소하세요: {link}"),
        "es": AccountWordings(
            account: "tu cuenta",
            verificationCode: "{code} confirma esto para tu cuenta de {app}. Vale {minutes} min. No la compartas.",
            verificationCompleted: "Confirmado: ya forma parte de tu cuenta de {app}.",
            passwordReset: "{code} restablece tu contraseña de {app}. Vale {minutes} min. No la compartas.",
            passwordResetToken:
                "Con esto puedes elegir otra contraseña de {app}. Vale {minutes} min. No la compartas.\n{code}",
            passwordResetDone:
                "La contraseña de tu cuenta de {app} ha cambiado. Si no lo has hecho tú, restablécela ya.",
            numberChanged: "Ha cambiado el número de tu cuenta de {app}. Si no lo has hecho tú, deshazlo: {link}"),
        "fr": AccountWordings(
            account: "votre compte",
            verificationCode:
                "{code} confirme ceci pour votre compte {app}, valable {minutes} min. Ne le partagez pas.",
            verificationCompleted: "C'est confirmé pour votre compte {app}.",
            passwordReset: "{code} change votre mot de passe {app}, valable {minutes} min. Ne le partagez pas.",
            passwordResetToken:
                "Ce code permet de choisir un nouveau mot de passe {app}, valable {minutes} min. Ne le partagez pas.\n{code}",
            passwordResetDone: "Votre mot de passe {app} a changé. Si ce n'est pas vous, changez-le maintenant.",
            numberChanged: "Le numéro de votre compte {app} a changé. Ce n'est pas vous ? Annulez : {link}"),
        "de": AccountWordings(
            account: "Ihr Konto",
            verificationCode:
                "{code} bestätigt dies für Ihr Konto bei {app}, {minutes} Min. gültig. Geben Sie ihn nicht weiter.",
            verificationCompleted: "Bestätigt: Das gehört jetzt zu Ihrem Konto bei {app}.",
            passwordReset:
                "{code} setzt Ihr Passwort für {app} zurück, {minutes} Min. gültig. Geben Sie ihn nicht weiter.",
            passwordResetToken:
                "Damit wählen Sie ein neues Passwort für {app}, {minutes} Min. gültig. Geben Sie ihn nicht weiter.\n{code}",
            passwordResetDone:
                "Ihr Passwort für {app} wurde geändert. Waren Sie das nicht, setzen Sie es jetzt zurück.",
            numberChanged:
                "Die Telefonnummer Ihres Kontos bei {app} wurde geändert. Waren Sie das nicht? Rückgängig: {link}"),
        "pt": AccountWordings(
            account: "a sua conta",
            verificationCode: "{code} confirma isto para a sua conta {app}. Vale por {minutes} min. Guarde em segredo.",
            verificationCompleted: "Confirmado: agora pertence a sua conta {app}.",
            passwordReset: "{code} muda a sua senha {app}. Vale por {minutes} min. Guarde em segredo.",
            passwordResetToken:
                "Com isto pode escolher uma nova senha {app}. Vale por {minutes} min. Guarde em segredo.\n{code}",
            passwordResetDone: "A sua senha {app} mudou. Se não foi você, mude-a agora.",
            numberChanged: "O telefone da sua conta {app} mudou. Se não foi você, desfaça: {link}"),
        "ar": AccountWordings(
            account: "حسابك",
            verificationCode: "{code} رمز تأكيد لحسابك في {app}، صالح {minutes} دقائق. لا تشاركه.",
            verificationCompleted: "تم التأكيد وأُضيف إلى حسابك في {app}.",
            passwordReset: "{code} رمز تغيير كلمة مرور {app}، صالح {minutes} دقائق. لا تشاركه.",
            passwordResetToken: "بهذا الرمز تختار كلمة مرور جديدة في {app}، صالح {minutes} دقائق. لا تشاركه.\n{code}",
            passwordResetDone: "تغيّرت كلمة مرور {app}. إن لم تكن أنت فغيّرها الآن.",
            numberChanged: "تغيّر رقم هاتف حسابك في {app}. لست أنت؟ تراجع: {link}"),
    ]
}
