import Accounts
import DeveloperLog
import JOSE
import Messaging
import OAuth
import PhoneLogin
import PhoneNumbers
import RateLimiting
import Storage
import TestSupport
import Testing
import Time

@testable import AccountManagement

/// Registering, and changing what one has.
@Suite(.timeLimit(.minutes(2))) struct AccountFlowTests {
    private func withScene(_ body: (AccountScene) async throws -> Void) async throws {
        try await withStore { store in try await body(AccountScene(store: store)) }
    }

    private func outcome(of request: RegistrationRequest, in scene: AccountScene) async -> AccountRefusal? {
        await refusal { () throws(AccountError) in try await scene.register(request) }
    }

    @Test(arguments: ["+819012345678", "+8109012345678"])
    func `spellings of one number are one number`(_ spelling: String) async throws {
        try await withScene { scene in
            try await scene.registerAlice()
            var request = scene.request("bob")
            request.number = spelling
            #expect(await outcome(of: request, in: scene) == .taken(.number))
        }
    }

    @Test(arguments: [
        "+81 90 1234 5678", "0081 9012345678", "09012345678", "+８１９０１２３４５６７８", "+819012345678;ext=1",
        "+819012345678\u{0}", "\u{202A}+819012345678", "+819012345678\n", "tel:+819012345678", "+8190", "+", "",
    ])
    func `any other spelling is refused`(_ spelling: String) async throws {
        try await withScene { scene in
            var request = scene.request("bob")
            request.number = spelling
            #expect(await outcome(of: request, in: scene) == .invalid(.number, .invalid))
            let accounts = try await scene.store.count("account")
            #expect(accounts == 0)
        }
    }

    @Test func `where numbers are proved, a registration does not tell who has one`() async throws {
        try await withScene { scene in
            try await PhoneLoginFixture().signIn(on: scene.store)
            var taken = scene.request("bob")
            (taken.number, taken.verifiesNumber) = ("+819012345678", true)
            (taken.email, taken.verifiesEmail) = ("bob@example.com", true)
            var free = scene.request("carol")
            (free.number, free.verifiesNumber) = ("+819098765432", true)
            (free.email, free.verifiesEmail) = ("bob@example.com", true)
            for request in [taken, free] {
                let profile = try await scene.register(request)
                #expect(profile.number == nil && profile.pendingNumber == request.number)
                #expect(profile.email == nil && profile.pendingEmail == "bob@example.com")
                scene.phone.clock.advance(seconds: 60)
            }
            let recipients = try await scene.phone.takeTexts().map(\.recipient)
            #expect(recipients.contains("+819012345678") && recipients.contains("+819098765432"))
        }
    }

    /// One deviation each from a registration that passes.
    static let refused: [(change: @Sendable (inout RegistrationRequest) -> Void, refusal: AccountRefusal)] = [
        ({ $0.loginName = "ab" }, .invalid(.loginName, .tooShort)),
        ({ $0.loginName = "a b c" }, .invalid(.loginName, .invalid)),
        ({ $0.email = "alice" }, .invalid(.email, .invalid)),
        ({ $0.password = "short" }, .invalid(.password, .tooShort)),
        ({ $0.password = "password" }, .invalid(.password, .common)),
        (
            {
                $0.loginName = "mad-hatter"; $0.password = "Mad-Hatter"
            }, .invalid(.password, .common)
        ),
        (
            {
                $0.email = "a@example.com"; $0.password = "a@example.com"
            }, .invalid(.password, .common)
        ),
        ({ $0.displayName = String(repeating: "a", count: 101) }, .invalid(.displayName, .tooLong)),
        ({ $0.displayName = "a\nb" }, .invalid(.displayName, .invalid)),
        ({ $0.displayName = "a\u{2028}b" }, .invalid(.displayName, .invalid)),
        ({ $0.country = "JPN" }, .invalid(.country, .invalid)), ({ $0.country = "jp" }, .invalid(.country, .invalid)),
        ({ $0.locale = "" }, .invalid(.locale, .invalid)), ({ $0.locale = "ja JP" }, .invalid(.locale, .invalid)),
        (
            { $0.properties = [AccountProperty(name: "p", value: .string(String(repeating: "a", count: 600_000)))] },
            .invalid(.property("p"), .tooLarge)
        ),
    ]

    @Test(arguments: refused.indices)
    func `what breaks a rule is told by its field, and makes no account`(_ index: Int) async throws {
        try await withScene { scene in
            var request = scene.request("white-rabbit")
            Self.refused[index].change(&request)
            #expect(await outcome(of: request, in: scene) == Self.refused[index].refusal)
            let accounts = try await scene.store.count("account")
            #expect(accounts == 0)
        }
    }

    @Test func `an address registers so many and no more`() async throws {
        try await withStore { store in
            var settings = AccountSettings()
            settings.registerPerIP = Limit(count: 2, windowSeconds: 3600)
            let scene = try AccountScene(store: store, settings: settings)
            _ = try await scene.register(scene.request("one"))
            let rule = scene.request(nil).loginNameRule
            let available = await refusal { () throws(AccountError) in
                try await scene.flow.checkAvailable(
                    "two", by: rule, properties: [], client: scene.client, from: .home, at: scene.now)
            }
            #expect(available == nil)
            let limited = AccountRefusal.limited(.registerPerIP, retryAfterSeconds: 1800)
            #expect(
                await outcome(of: scene.request("two"), in: scene) == limited, "asking whether a name is free counts")
            #expect(await outcome(of: scene.request("one"), in: scene) == limited)
            let line = try #require(try await scene.store.log().last)
            #expect(line.kind == .registrationRefused && line.rule == "registerPerIP" && line.retryAfterSeconds == 1800)
        }
    }

    private func change(
        _ account: AccountID, from old: String?, to new: String, ending: SignInEnding = .none, in scene: AccountScene
    ) async -> AccountRefusal? {
        await refusal { () throws(AccountError) in
            try await scene.flow.changePassword(
                of: account, from: old, to: new, rules: PasswordRules(), ending: ending, client: scene.client,
                from: .home, at: scene.now)
        }
    }

    @Test func `whoever changes a password knows the old one`() async throws {
        try await withScene { scene in
            let alice = try await scene.registerAlice()
            #expect(await change(alice, from: "wrong", to: "a better horse", in: scene) == .wrongPassword)
            #expect(await change(alice, from: nil, to: "a better horse", in: scene) == .wrongPassword)
            #expect(
                await change(alice, from: AccountScene.password, to: "short", in: scene)
                    == .invalid(.password, .tooShort))
            let isName = await change(alice, from: AccountScene.password, to: "alice@example.com", in: scene)
            #expect(isName == .invalid(.password, .common))
            #expect(try await scene.signIn(.id(alice)) == alice)
            #expect(await change(alice, from: AccountScene.password, to: "a better horse", in: scene) == nil)
            #expect(try await scene.signIn(.id(alice), "a better horse") == alice)
            let nobody = AccountID("nobody")
            #expect(await change(nobody, from: "wrong", to: "a better horse", in: scene) == .unknownAccount)
        }
    }

    @Test func `guesses at the old password are counted like those at a sign-in`() async throws {
        try await withStore { store in
            var settings = AccountSettings()
            settings.passwordPerIdentifier = Limit(count: 2, windowSeconds: 3600)
            let scene = try AccountScene(store: store, settings: settings)
            let alice = try await scene.registerAlice()
            for _ in 0..<2 {
                #expect(await change(alice, from: "wrong", to: "a better horse", in: scene) == .wrongPassword)
            }
            let limited = AccountRefusal.limited(.passwordPerIdentifier, retryAfterSeconds: 1800)
            #expect(await change(alice, from: AccountScene.password, to: "a better horse", in: scene) == limited)
        }
    }

    @Test func `whoever signs in by phone alone sets the first password without one`() async throws {
        try await withScene { scene in
            let account = try await PhoneLoginFixture().signIn(on: scene.store).account
            #expect(await change(account, from: nil, to: "a first horse", in: scene) == nil)
            #expect(await change(account, from: nil, to: "a second horse", in: scene) == .wrongPassword)
            #expect(try await scene.signIn(.number("+819012345678"), "a first horse") == account)
        }
    }

    @Test func `a change of number that is refused somewhere else goes on where it began`() async throws {
        try await withScene { scene in
            let alice = try await scene.registerAlice()
            let (here, elsewhere) = (SignInAnchor.grant(GrantID("here")), SignInAnchor.grant(GrantID("elsewhere")))
            let started = try await scene.flow.startNumberChange(
                of: alice, to: "+819098765432", begunIn: here, client: scene.client, locales: [], webOTPDomain: nil,
                from: .home, at: scene.now)
            let code = try known(try await scene.phone.takeTexts().last?.content.parameters[.code])
            func prove(_ code: String, in anchor: SignInAnchor?, operation: String?) async -> AccountRefusal? {
                await refusal { () throws(AccountError) in
                    try await scene.flow.proveNumber(
                        of: .id(alice), code: code, operationID: operation, in: anchor, client: scene.client,
                        locales: [], from: .home, at: scene.now)
                }
            }
            #expect(await prove(code, in: elsewhere, operation: started.operationID) == .codeRefused(.unknown))
            #expect(await prove(code, in: nil, operation: nil) == .codeRefused(.unknown))
            #expect(await prove("0000000000", in: here, operation: nil) == .codeRefused(.wrong))
            #expect(await prove(code, in: here, operation: "another") == .codeRefused(.unknown))
            #expect(await prove(code, in: here, operation: started.operationID) == nil)
            #expect(await prove(code, in: here, operation: nil) == .nothingPending)
            #expect(try await scene.flow.profile(.id(alice))?.phoneNumber == "+819098765432")
        }
    }
}
