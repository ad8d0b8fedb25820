import Accounts
import Cryptography
import DeveloperLog
import OAuth
import PhoneLogin
import RateLimiting
import Storage
import TestSupport
import Testing
import Time

@testable import AccountManagement

/// Names and passwords: strangers learn nothing from a refusal, and lock nobody out.
@Suite(.timeLimit(.minutes(2))) struct SignInFlowTests {
    private func withScene(
        passwordPerIdentifier: Limit? = nil, evenDuration: Duration = .zero,
        _ body: (AccountScene) async throws -> Void
    ) async throws {
        try await withStore { store in
            var settings = AccountSettings()
            settings.passwordPerIdentifier = passwordPerIdentifier
            try await body(AccountScene(store: store, settings: settings, evenDuration: evenDuration))
        }
    }

    @Test func `a name, an address and a number sign in to one account`() async throws {
        try await withScene { scene in
            let alice = try await scene.registerAlice()
            let names: [LoginIdentifier] = [
                try .named("ALICE"), try .mail("Alice@example.com"), .number("+819012345678"), .id(alice),
            ]
            for name in names { #expect(try await scene.signIn(name, acceptsClaims: [.email, .phone]) == alice) }
        }
    }

    @Test func `every failure is one error, and the log alone knows the cause`() async throws {
        try await withScene { scene in
            try await scene.registerAlice()
            let disabled = try await scene.register(scene.request("disabled")).id
            try await scene.flow.setDisabled(true, disabled, from: .home, at: scene.now)
            let none = try await PhoneLoginFixture().signIn(on: scene.store).account
            let attempts: [(LoginIdentifier?, String)] = [
                (try .named("nobody"), AccountScene.password), (nil, AccountScene.password),
                (try .named("Alice"), "wrong"), (try .named("Alice"), ""),
                (try .named("Alice"), String(repeating: "a", count: 1_000_000)),
                (try .mail("alice@example.com"), AccountScene.password),
                (try .named("disabled"), AccountScene.password),
                (try .named("disabled"), "wrong"), (.id(none), AccountScene.password), (.id(none), ""),
            ]
            for (name, password) in attempts {
                let refused = await refusal { () throws(AccountError) in try await scene.signIn(name, password) }
                #expect(refused == .signInFailed)
            }
            let lines = try await scene.store.log().filter { $0.kind == .passwordRefused }
            #expect(lines.count == attempts.count)
            #expect(Set(lines.map(\.reason)).count == 4)
            let told = String(describing: lines)
            #expect(!told.contains("alice") && !told.contains(AccountScene.password), "no line holds what was typed")
        }
    }

    @Test func `every failure takes one time, whoever is meant`() async throws {
        let even = Duration.milliseconds(700)
        try await withScene(evenDuration: even) { scene in
            try await scene.registerAlice()
            for name in ["Alice", "nobody"] {
                let start = ContinuousClock.now
                let identifier = try LoginIdentifier.named(name)
                _ = await refusal { () throws(AccountError) in try await scene.signIn(identifier, "wrong") }
                #expect(ContinuousClock.now - start >= even, "of \(name)")
            }
        }
    }

    @Test func `guesses at a name are charged alike, whether or not anybody has it`() async throws {
        try await withScene(passwordPerIdentifier: Limit(count: 3, windowSeconds: 3600)) { scene in
            try await scene.registerAlice()
            var refusals: [[AccountRefusal?]] = []
            for name in ["Alice", "nobody"] {
                var told: [AccountRefusal?] = []
                // One name, however it is written.
                for spelling in [name, name.uppercased(), "\u{FEFF}\(name)", name, "\(name)\u{AD}"] {
                    let identifier = try LoginIdentifier.named(spelling)
                    told.append(
                        await refusal { () throws(AccountError) in try await scene.signIn(identifier, "wrong") })
                }
                refusals.append(told)
            }
            #expect(refusals[0] == refusals[1])
            #expect(refusals[0].prefix(3).allSatisfy { $0 == .signInFailed })
            let limited = AccountRefusal.limited(.passwordPerIdentifier, retryAfterSeconds: 1200)
            #expect(refusals[0].suffix(2).allSatisfy { $0 == limited })

            let alice = try LoginIdentifier.named("Alice")
            let right = await refusal { () throws(AccountError) in try await scene.signIn(alice) }
            #expect(right == limited, "not even the right one is compared")
            scene.phone.clock.advance(seconds: 1200)
            #expect(await refusal { () throws(AccountError) in try await scene.signIn(alice) } == nil)
        }
    }

    @Test func `a place that signed in before keeps a budget of its own`() async throws {
        try await withScene(passwordPerIdentifier: Limit(count: 3, windowSeconds: 3600)) { scene in
            let alice = try await scene.registerAlice()
            let name = try LoginIdentifier.named("Alice")
            #expect(try await scene.signIn(name) == alice)
            for _ in 0..<5 {
                _ = await refusal { () throws(AccountError) in try await scene.signIn(name, "wrong", from: .elsewhere) }
            }
            let stranger = await refusal { () throws(AccountError) in try await scene.signIn(name, from: .elsewhere) }
            guard case .limited(.passwordPerIdentifier, _) = stranger else {
                Issue.record("strangers must be limited, not \(String(describing: stranger))")
                return
            }
            for _ in 0..<4 { #expect(try await scene.signIn(name) == alice) }
        }
    }

    @Test func `one address guesses at so many names and no more`() async throws {
        try await withStore { store in
            var settings = AccountSettings()
            settings.passwordPerIP = Limit(count: 4, windowSeconds: 60)
            let scene = try AccountScene(store: store, settings: settings)
            try await scene.registerAlice()
            var told: [AccountRefusal?] = []
            for name in ["Alice", "nobody", "none", "another", "Alice"] {
                let identifier = try LoginIdentifier.named(name)
                told.append(await refusal { () throws(AccountError) in try await scene.signIn(identifier, "wrong") })
            }
            #expect(told.prefix(4).allSatisfy { $0 == .signInFailed })
            #expect(told.last == .limited(.passwordPerIP, retryAfterSeconds: 15))
            let name = try LoginIdentifier.named("Alice")
            #expect(await refusal { () throws(AccountError) in try await scene.signIn(name, from: .elsewhere) } == nil)
        }
    }

    @Test func `an imported password opens once as it came, and then as this server's own`() async throws {
        try await withScene { scene in
            let imported = "$2b$04$abcdefghijklmnopqrstuu3cQdrrZPWH8uMNr7ePK9KU8eOfe35A."
            let row = ImportRow(
                digest: SHA256Digest(of: "row"), id: AccountID("imported"), number: nil,
                loginName: (text: "alice", key: try known(FoldedText("alice"))), email: nil, password: imported,
                displayName: nil, country: nil, locale: nil, createdAt: .noon, isDisabled: false, properties: [])
            _ = try await scene.store.importAccounts([row], at: .noon)
            let alice = try LoginIdentifier.named("alice")
            let wrong = await refusal { () throws(AccountError) in try await scene.signIn(alice, "correct horse") }
            #expect(wrong == .signInFailed)
            #expect(try await scene.store.password(of: row.id)?.encoded == imported, "a wrong one changes nothing")
            let tokens = scene.flow.kiiTokens(for: scene.client, until: nil, tokens: TokenSettings(), at: scene.now)
            #expect(try await scene.signIn(alice, "corréct horse", signIn: tokens.signIn) == row.id)
            let kept = try #require(try await scene.store.password(of: row.id)?.encoded)
            #expect(kept.hasPrefix("$scrypt$"))
            #expect(try await scene.signIn(alice, "corréct horse") == row.id)
            #expect(try await scene.store.password(of: row.id)?.encoded == kept)
        }
    }
}
