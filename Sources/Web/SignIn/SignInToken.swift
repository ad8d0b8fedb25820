package import Cryptography
import JOSE
import OAuth
import PhoneLogin
import Time

/// Carries a sign-in from page to page, so that no page has to look it up: sealed, because it holds the number,
/// and bound to the browser, so that a copied address is worth nothing elsewhere.
package struct SignInToken: Sendable {
    private let key: SealingKey
    private let entropy: Entropy

    package init(secret: [UInt8], entropy: Entropy) {
        key = SealingKey(secret: secret, purpose: "browser sign-in")
        self.entropy = entropy
    }

    func seal(_ signIn: BrowserSignIn, browser: String) -> String {
        let members: JSONObject = [
            "operation": .string(signIn.operationID), "client": .string(signIn.client.rawValue),
            "number": .string(signIn.number), "expires": .integer(signIn.expiresAt.milliseconds),
            "resend": .integer(signIn.resendAt.milliseconds), "link": .bool(signIn.hasLink),
        ]
        return Base64URL.encode(
            key.seal(JSONValue.object(members).serialized(), bindingTo: Array(browser.utf8), entropy: entropy))
    }

    func open(_ token: String, browser: String) -> BrowserSignIn? {
        guard token.utf8.count <= 2048, let sealed = Base64URL.decode(token),
            let bytes = try? key.open(sealed, bindingTo: Array(browser.utf8)),
            let members = try? JSONValue(parsing: bytes),
            let operation = members["operation"]?.string, let client = members["client"]?.string,
            let number = members["number"]?.string, let expires = members["expires"]?.integer,
            let resend = members["resend"]?.integer, let hasLink = members["link"]?.bool
        else { return nil }
        return BrowserSignIn(
            operationID: operation, client: ClientID(client), number: number,
            expiresAt: Timestamp(milliseconds: expires), resendAt: Timestamp(milliseconds: resend), hasLink: hasLink)
    }
}
