import Accounts
import DeveloperLog
import Messaging
import OAuth
import PhoneLogin
import RateLimiting
import Storage
import TestSupport
import Testing
import Time

@testable import AccountManagement

/// A code for a new password, from asking to signing in with it.
@Suite(.timeLimit(.minutes(2))) struct ForgottenPasswordTests {
    private func withAlice(
        phoneSettings: PhoneLoginSettings = .tenDigits, _ body: (AccountScene, AccountID) async throws -> Void
    ) async throws {
        try await withStore { store in
            let scene = try AccountScene(store: store, phoneSettings: phoneSettings)
            try await body(scene, scene.registerAlice())
        }
    }

    /// The code of the newest message, which is ten digits.
    private func ask(
        by kind: AddressKind, from origin: RequestOrigin = .home, in scene: AccountScene
    ) async throws -> String {
        scene.phone.clock.advance(seconds: 30)
        try await scene.flow.requestReset(
            of: .named("Alice"), by: kind, client: scene.client, locales: [], from: origin, at: scene.now)
        let message = try known(try await scene.phone.takeTexts().last)
        return try known(message.content.parameters[.code])
    }

    private func complete(
        _ code: String, of name: String = "Alice", to password: String = "a better horse",
        at client: Client? = nil, from origin: RequestOrigin = .home, in scene: AccountScene
    ) async throws -> AccountRefusal? {
        let account = try LoginIdentifier.named(name)
        return await refusal { () throws(AccountError) in
            try await scene.flow.completeReset(
                of: account, code: code, to: password, rules: PasswordRules(), client: client ?? scene.client,
                locales: [], from: origin, at: scene.now)
        }
    }

    @Test(arguments: AddressKind.allCases)
    func `the right code sets the password, once, and ends what was signed in`(_ kind: AddressKind) async throws {
        try await withAlice { scene, alice in
            let name = try LoginIdentifier.named("Alice")
            let tokens = scene.flow.kiiTokens(for: scene.client, until: nil, tokens: TokenSettings(), at: scene.now)
            _ = try await scene.signIn(name, signIn: tokens.signIn)
            #expect(try await scene.flow.bearer(tokens.access, .kiiAccess, at: scene.now)?.account == alice)
            let code = try await ask(by: kind, in: scene)
            #expect(try await complete(code, in: scene) == nil)
            #expect(try await scene.flow.bearer(tokens.access, .kiiAccess, at: scene.now) == nil)
            #expect(try await scene.signIn(name, "a better horse") == alice)
            let old = await refusal { () throws(AccountError) in try await scene.signIn(name) }
            #expect(old == .signInFailed)
            #expect(try await complete(code, to: "another horse", in: scene) == .codeRefused(.wrong))
            #expect(try await scene.phone.takeTexts().map(\.template) == [.passwordResetDone])
        }
    }

    @Test func `whatever is wrong is one answer`() async throws {
        try await withAlice { scene, alice in
            let code = try await ask(by: .phone, in: scene)
            var other = scene.client
            other.id = ClientID("another")
            #expect(try await complete("0000000000", in: scene) == .codeRefused(.wrong))
            #expect(try await complete("", in: scene) == .codeRefused(.wrong))
            #expect(try await complete(code, of: "nobody", in: scene) == .codeRefused(.wrong))
            #expect(try await complete(code, at: other, in: scene) == .codeRefused(.wrong))
            let alices = try LoginIdentifier.named("Alice")
            let asNumber = await refusal { () throws(AccountError) in
                try await scene.flow.proveNumber(
                    quietly: alices, code: code, client: scene.client, tellsCompletion: false, locales: [],
                    from: .home, at: scene.now)
            }
            #expect(asNumber == .codeRefused(.wrong), "a code for a password proves no number")
            try await scene.flow.setDisabled(true, alice, from: .home, at: scene.now)
            #expect(try await complete(code, in: scene) == .codeRefused(.wrong))
            try await scene.flow.setDisabled(false, alice, from: .home, at: scene.now)
            scene.phone.clock.advance(seconds: 180)
            #expect(try await complete(code, in: scene) == .codeRefused(.wrong))
            #expect(try await scene.signIn(.named("Alice")) == alice)
        }
    }

    @Test func `five wrong guesses leave none, and the answer stays the same`() async throws {
        try await withAlice { scene, _ in
            let code = try await ask(by: .email, in: scene)
            for _ in 0..<5 { #expect(try await complete("0000000000", in: scene) == .codeRefused(.wrong)) }
            #expect(try await complete(code, in: scene) == .codeRefused(.wrong))
        }
    }

    @Test func `a password that breaks the rules spends no code`() async throws {
        try await withAlice { scene, _ in
            let code = try await ask(by: .phone, in: scene)
            #expect(try await complete(code, to: "short", in: scene) == .invalid(.password, .tooShort))
            #expect(try await complete(code, to: "password", in: scene) == .invalid(.password, .common))
            #expect(try await complete(code, in: scene) == nil)
        }
    }

    @Test(arguments: AddressKind.allCases)
    func `strangers who burn a name's guesses do not keep its owner out`(_ kind: AddressKind) async throws {
        var settings = PhoneLoginSettings.tenDigits
        settings.guessesPerNumber = Limit(count: 5, windowSeconds: 3600)
        try await withAlice(phoneSettings: settings) { scene, alice in
            _ = try await scene.signIn(.named("Alice"))
            try await scene.flow.requestReset(
                of: .named("Alice"), by: kind, client: scene.client, locales: [], from: .elsewhere, at: scene.now)
            for _ in 0..<6 { _ = try await complete("0000000000", from: .elsewhere, in: scene) }
            let code = try await ask(by: kind, in: scene)
            #expect(try await complete(code, from: .elsewhere, in: scene) == .codeRefused(.wrong))
            #expect(try await complete(code, in: scene) == nil)
            #expect(try await scene.signIn(.named("Alice"), "a better horse") == alice)
        }
    }
}
