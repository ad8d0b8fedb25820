import Foundation
import Testing

@testable import DenwaClient

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

@Suite("With a real server", .enabled(if: RealServer.isThere), .timeLimit(.minutes(1)))
struct IntegrationTests {
    private let server: RealServer

    init() throws { server = try RealServer() }

    @Test("both flows sign in, with tokens bound to this device", arguments: [SignInFlow.phoneLogin, .challenge])
    func signIn(flow: SignInFlow) async throws {
        let session = server.session()
        let number = server.freshNumber()
        let pending = try await session.requestCode(for: number, by: flow)
        #expect(pending.codeLength == 6)
        #expect(pending.expiresAt > Date())
        try await session.confirm(try await server.code(to: number), for: pending)
        #expect(await session.isSignedIn)

        let claims = try AccessTokenClaims(of: try await session.accessToken())
        #expect(claims.cnf?.jkt == (try await session.boundProver().thumbprint))
        #expect(try await session.user().phoneNumber == number)
        #expect(try await session.idToken() != nil)
        #expect(try await session.vault.deviceID(at: number) != nil)
    }

    @Test("an app that wants no binding gets bearer tokens", arguments: [SignInFlow.phoneLogin, .challenge])
    func bearer(flow: SignInFlow) async throws {
        let session = try await server.signedIn(by: flow) { $0.bindsTokensToDevice = false }
        #expect(try AccessTokenClaims(of: try await session.accessToken()).cnf == nil)
        let old = try await session.accessToken()
        #expect(try await session.accessToken(refused: old) != old)
        #expect(try await session.user().phoneNumber != nil)
    }

    @Test("a wrong code may be tried again, until no guess is left", arguments: [SignInFlow.phoneLogin, .challenge])
    func wrongCode(flow: SignInFlow) async throws {
        let session = server.session()
        let number = server.freshNumber()
        let pending = try await session.requestCode(for: number, by: flow)
        let code = try await server.code(to: number)
        let wrong = server.other(than: code)
        for reason in [DenwaError.Reason.wrongCode, .wrongCode, .wrongCode, .wrongCode, .signInOver, .signInOver] {
            let error = await #expect(throws: DenwaError.self) { try await session.confirm(wrong, for: pending) }
            #expect(error?.reason == reason)
        }
        let error = await #expect(throws: DenwaError.self) { try await session.confirm(code, for: pending) }
        #expect(error?.reason == .signInOver)
        #expect(await session.isSignedIn == false)
    }

    @Test("after a wrong code the right one signs in", arguments: [SignInFlow.phoneLogin, .challenge])
    func secondTry(flow: SignInFlow) async throws {
        let session = server.session()
        let number = server.freshNumber()
        let pending = try await session.requestCode(for: number, by: flow)
        let code = try await server.code(to: number)
        await #expect(throws: DenwaError.self) {
            try await session.confirm(server.other(than: code), for: pending)
        }
        try await session.confirm(code, for: pending)
        #expect(await session.isSignedIn)
    }

    @Test(
        "another text signs in as well", .enabled(if: RealServer.cooldown == nil),
        arguments: [SignInFlow.phoneLogin, .challenge])
    func resend(flow: SignInFlow) async throws {
        let session = server.session()
        let number = server.freshNumber()
        let pending = try await session.requestCode(for: number, by: flow)
        _ = try await server.code(to: number)
        let resent = try await session.resendCode(for: pending)
        try await session.confirm(try await server.code(to: number, count: 2), for: resent)
        #expect(await session.isSignedIn)
    }

    @Test(
        "another text too soon is refused, with the time to wait", .enabled(if: RealServer.cooldown != nil),
        arguments: [SignInFlow.phoneLogin, .challenge])
    func cooldown(flow: SignInFlow) async throws {
        let session = server.session()
        let pending = try await session.requestCode(for: server.freshNumber(), by: flow)
        let error = await #expect(throws: DenwaError.self) { try await session.resendCode(for: pending) }
        #expect(error?.reason == .tooManyRequests)
        let wait = try #require(error?.retryAfter)
        let cooldown = try #require(RealServer.cooldown)
        #expect(wait > .zero && wait <= .seconds(cooldown))
        #expect(pending.resendAt > Date())
    }

    @Test("what is no number is refused", arguments: [SignInFlow.phoneLogin, .challenge])
    func noNumber(flow: SignInFlow) async throws {
        let error = await #expect(throws: DenwaError.self) {
            try await server.session().requestCode(for: "+8190", by: flow)
        }
        #expect(error?.reason == (flow == .phoneLogin ? .notAPhoneNumber : .refused))
    }

    @Test("a second sign-in at a number is the same person's")
    func samePerson() async throws {
        let storage = MemoryStorage()
        let session = server.session(storage: storage)
        let number = server.freshNumber()
        var subjects: Set<String> = []
        for (count, flow) in [SignInFlow.phoneLogin, .challenge].enumerated() {
            let pending = try await session.requestCode(for: number, by: flow)
            try await session.confirm(try await server.code(to: number, count: count + 1), for: pending)
            subjects.insert(try await session.user().sub)
        }
        #expect(subjects.count == 1)
    }

    @Test("many callers renew once, and the login goes on")
    func renewal() async throws {
        let session = try await server.signedIn()
        for _ in 0..<3 {
            let old = try await session.accessToken()
            let tokens = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<30 { group.addTask { try await session.accessToken(refused: old) } }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(tokens.count == 1)
            #expect(!tokens.contains(old))
        }
        #expect(try await session.user().phoneNumber != nil)
    }

    @Test("a login goes on after the app was ended")
    func restart() async throws {
        let storage = MemoryStorage()
        let subject = try await server.signedIn(storage: storage).user().sub
        let later = server.session(storage: storage)
        #expect(await later.isSignedIn)
        _ = try await later.accessToken(refused: try await later.accessToken())
        #expect(try await later.user().sub == subject)
    }

    @Test("stolen tokens are worth nothing without this device's key")
    func theft() async throws {
        let session = try await server.signedIn()
        let thief = server.session()
        try await thief.hold(try await session.vault.tokens())
        let error = await #expect(throws: DenwaError.self) { try await thief.user() }
        #expect(error?.reason == .signInRequired)
        #expect(await thief.isSignedIn == false)
        _ = try await session.accessToken(refused: try await session.accessToken())
        #expect(try await session.user().phoneNumber != nil, "the theft did not spend the owner's refresh token")
    }

    @Test("a challenge goes on at no other device")
    func otherDevice() async throws {
        let session = server.session()
        let number = server.freshNumber()
        let pending = try await session.requestCode(for: number, by: .challenge)
        let code = try await server.code(to: number)
        let other = server.session()
        let error = await #expect(throws: DenwaError.self) { try await other.confirm(code, for: pending) }
        #expect(error?.reason == .signInOver)
        try await session.confirm(code, for: pending)
        #expect(await session.isSignedIn)
    }

    @Test("a disabled account's owner is sent to the browser", .enabled(if: RealServer.disabledNumber != nil))
    func disabled() async throws {
        let number = try #require(RealServer.disabledNumber)
        let session = server.session()
        let before = try server.codes(to: number).count
        let pending = try await session.requestCode(for: number, by: .challenge)
        let code = try await server.code(to: number, count: before + 1)
        let error = await #expect(throws: DenwaError.self) { try await session.confirm(code, for: pending) }
        #expect(error?.reason == .browserNeeded)
        let browser = try #require(error?.browserSignIn)
        let query = browser.url.queryParameters
        #expect(query["client_id"] == "swift-app")
        #expect(query["request_uri"]?.hasPrefix("urn:ietf:params:oauth:request_uri:") == true)
    }

    @Test("signing out ends the login at the server, too")
    func signOut() async throws {
        let session = try await server.signedIn()
        // Key and tokens, as a thief who has the device's storage has them.
        let (name, copy) = ("\(await session.vault.prefix) key", MemoryStorage())
        copy.keep(try await session.vault.storage.secret(named: name), named: name)
        let ghost = server.session(storage: copy)
        try await ghost.hold(try await session.vault.tokens())
        #expect(try await ghost.user().phoneNumber != nil, "the copy is a good one")
        try await session.signOut()
        #expect(await session.isSignedIn == false)
        let error = await #expect(throws: DenwaError.self) { try await ghost.user() }
        #expect(error?.reason == .signInRequired)
    }

    @Test("signing out everywhere ends other devices' logins", .enabled(if: RealServer.cooldown == nil))
    func signOutEverywhere() async throws {
        let (phone, tablet, number) = (server.session(), server.session(), server.freshNumber())
        for (count, session) in [phone, tablet].enumerated() {
            let pending = try await session.requestCode(for: number, by: .challenge)
            try await session.confirm(try await server.code(to: number, count: count + 1), for: pending)
        }
        try await phone.signOut(everywhere: true)
        #expect(await phone.isSignedIn == false)
        let error = await #expect(throws: DenwaError.self) { try await tablet.user() }
        #expect(error?.reason == .signInRequired)
    }
}
