/// The files of this folder, built into the executable: there is nothing to install beside it.
package enum Resources {
    /// Mustache templates by name; every one begins by naming its content type.
    package static let templates: [String: [UInt8]] = [
        "account": PackageResources.account_mustache,
        "account-delete": PackageResources.account_delete_mustache,
        "account-email": PackageResources.account_email_mustache,
        "account-email-code": PackageResources.account_email_code_mustache,
        "account-number": PackageResources.account_number_mustache,
        "account-number-code": PackageResources.account_number_code_mustache,
        "account-password": PackageResources.account_password_mustache,
        "account-reclaim": PackageResources.account_reclaim_mustache,
        "account-undo": PackageResources.account_undo_mustache,
        "account-undo-result": PackageResources.account_undo_result_mustache,
        "brand": PackageResources.brand_mustache,
        "choose": PackageResources.choose_mustache,
        "code": PackageResources.code_mustache,
        "consent": PackageResources.consent_mustache,
        "device": PackageResources.device_mustache,
        "device-confirm": PackageResources.device_confirm_mustache,
        "device-result": PackageResources.device_result_mustache,
        "error": PackageResources.error_mustache,
        "foot": PackageResources.foot_mustache,
        "form-post": PackageResources.form_post_mustache,
        "head": PackageResources.head_mustache,
        "link": PackageResources.link_mustache,
        "link-result": PackageResources.link_result_mustache,
        "logo": PackageResources.logo_mustache,
        "phone": PackageResources.phone_mustache,
        "problem": PackageResources.problem_mustache,
        "sign-out": PackageResources.sign_out_mustache,
        "signed-out": PackageResources.signed_out_mustache,
    ]

    /// The words of the pages by locale: `{"page":{"key":"text"}}`.
    package static let locales: [String: [UInt8]] = [
        "ar": PackageResources.ar_json,
        "de": PackageResources.de_json,
        "en": PackageResources.en_json,
        "es": PackageResources.es_json,
        "fr": PackageResources.fr_json,
        "ja": PackageResources.ja_json,
        "ko": PackageResources.ko_json,
        "pt": PackageResources.pt_json,
        "zh-Hans": PackageResources.zh_Hans_json,
    ]

    /// Countries and regions by locale, in the order people look for them: `[["JP","日本",81],…]`.
    package static let regions: [String: [UInt8]] = [
        "ar": PackageResources.regions_ar_json,
        "de": PackageResources.regions_de_json,
        "en": PackageResources.regions_en_json,
        "es": PackageResources.regions_es_json,
        "fr": PackageResources.regions_fr_json,
        "ja": PackageResources.regions_ja_json,
        "ko": PackageResources.regions_ko_json,
        "pt": PackageResources.regions_pt_json,
        "zh-Hans": PackageResources.regions_zh_Hans_json,
    ]

    package static let style = PackageResources.denwa_css
    package static let script = PackageResources.denwa_js

    /// The small client app of the development mode.
    package enum Demo {
        package static let page = PackageResources.index_html
        package static let style = PackageResources.demo_css
        package static let script = PackageResources.demo_js
    }
}
