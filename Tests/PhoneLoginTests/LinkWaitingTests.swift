import Accounts
import Cryptography
import DeveloperLog
import Messaging
import OAuth
import PhoneNumbers
import RateLimiting
import Storage
import Synchronization
import TestSupport
import Testing
import Time

@testable import PhoneLogin

/// The poll of a page or an app that waits for the link to be answered.
@Suite(.timeLimit(.minutes(1))) struct LinkWaitingTests {
    /// A poll that is not woken takes this long: a test that is quicker shows that it was.
    private static var patient: PhoneLoginSettings {
        var settings = BrowserScene.settings
        settings.linkPollSeconds = 20
        return settings
    }

    private func until(_ count: Int, wait flow: PhoneFlow) async throws {
        while flow.flow.waiting.count != count { try await Task.sleep(for: .milliseconds(1)) }
    }

    private func expectQuick(
        sourceLocation: SourceLocation = #_sourceLocation, _ work: () async throws -> Void
    ) async throws {
        let clock = ContinuousClock()
        let start = clock.now
        try await work()
        #expect(clock.now - start < .seconds(10), "it was not woken", sourceLocation: sourceLocation)
    }

    @Test(arguments: [true, false])
    func `an answer wakes the page that waits`(_ isApproved: Bool) async throws {
        try await BrowserScene.withFlow(Self.patient) { flow in
            let signIn = try await flow.begin()
            let link = try await flow.lastLink()
            try await expectQuick {
                async let state = flow.awaitLink(of: signIn)
                try await until(1, wait: flow)
                _ = try await flow.decide(isApproved, link, with: .of("phone"))
                let heard = try await state
                #expect(heard == (isApproved ? .approved : .denied))
            }
            try await until(0, wait: flow)
            #expect(try await flow.awaitLink(of: signIn) == (isApproved ? .approved : .denied), "and so it stays")
        }
    }

    @Test func `a page hears that the code was typed in another tab`() async throws {
        try await BrowserScene.withFlow(Self.patient) { flow in
            let signIn = try await flow.begin()
            let code = try await flow.lastCode()
            try await expectQuick {
                async let state = flow.awaitLink(of: signIn)
                try await until(1, wait: flow)
                _ = try await flow.finish(signIn, code: code)
                let heard = try await state
                #expect(heard == .finished)
            }
            #expect(try await flow.awaitLink(of: signIn) == .gone)
            try await until(0, wait: flow)
        }
    }

    @Test func `a page hears that the link was opened in its own browser`() async throws {
        try await BrowserScene.withFlow(Self.patient) { flow in
            let signIn = try await flow.begin()
            let link = try await flow.lastLink()
            try await expectQuick {
                async let state = flow.awaitLink(of: signIn)
                try await until(1, wait: flow)
                _ = try await flow.decide(true, link, with: .of())
                let heard = try await state
                #expect(heard == .finished)
            }
        }
    }

    @Test func `the page of the latest text hears of an answer to an earlier one`() async throws {
        try await BrowserScene.withFlow(Self.patient) { flow in
            _ = try await flow.begin()
            let link = try await flow.lastLink()
            let latest = try await flow.begin()
            try await expectQuick {
                async let state = flow.awaitLink(of: latest)
                try await until(1, wait: flow)
                _ = try await flow.decide(true, link)
                let heard = try await state
                #expect(heard == .approved)
            }
        }
    }

    @Test func `when the time is up nothing has happened, and nobody waits any more`() async throws {
        try await BrowserScene.withFlow { flow in
            let signIn = try await flow.begin()
            let clock = ContinuousClock()
            let start = clock.now
            #expect(try await flow.awaitLink(of: signIn) == .waiting)
            #expect(clock.now - start >= .seconds(1))
            try await until(0, wait: flow)
        }
    }

    @Test func `a login that ends while a page waits is gone`() async throws {
        try await BrowserScene.withFlow { flow in
            let signIn = try await flow.begin()
            flow.clock.advance(seconds: 179)
            #expect(try await flow.awaitLink(of: signIn) == .gone)
        }
    }

    @Test func `an answer that another process took is seen when the time is up`() async throws {
        try await withDatabaseFile { file in
            let flow = try BrowserScene.flow(on: file.open())
            let elsewhere = try BrowserScene.flow(on: file.open())
            let signIn = try await flow.begin()
            let link = try await flow.lastLink()
            async let state = flow.awaitLink(of: signIn)
            try await until(1, wait: flow)
            _ = try await elsewhere.decide(true, link)
            let heard = try await state
            #expect(heard == .approved)
            try await until(0, wait: flow)
        }
    }

    /// The poll has looked and seen nothing, but does not wait yet.
    @Test func `an answer between looking and waiting is not missed`() async throws {
        try await withDatabaseFile { file in
            let interruption = Interruption()
            let engine = InterruptedEngine(engine: try file.open().engine, interruption: interruption)
            let flow = try BrowserScene.flow(on: SQLStore(engine: engine), Self.patient)
            let signIn = try await flow.begin()
            let link = try await flow.lastLink()
            interruption.plan { _ = try await flow.decide(true, link) }
            try await expectQuick {
                let state = try await flow.awaitLink(of: signIn)
                #expect(state == .approved)
            }
            #expect(interruption.isOver)
            try await until(0, wait: flow)
        }
    }

    @Test func `strangers' polls are answered at once, and leave nothing behind`() async throws {
        try await BrowserScene.withFlow(Self.patient) { flow in
            let signIn = try await flow.begin()
            let nobodys = BrowserSignIn(
                operationID: "nobody's", client: signIn.client, number: signIn.number, expiresAt: signIn.expiresAt,
                resendAt: signIn.resendAt, hasLink: true)
            try await expectQuick {
                for browser in ["another", ""] {
                    #expect(try await flow.awaitLink(of: signIn, browser: browser) == .gone)
                }
                let state = try await flow.awaitLink(of: nobodys)
                #expect(state == .gone)
            }
            try await until(0, wait: flow)
        }
    }

    @Test func `a page that is closed waits no longer`() async throws {
        try await BrowserScene.withFlow(Self.patient) { flow in
            let signIn = try await flow.begin()
            try await expectQuick {
                let poll = Task { _ = try await flow.awaitLink(of: signIn) }
                try await until(1, wait: flow)
                poll.cancel()
                _ = await poll.result
                try await until(0, wait: flow)
            }
        }
    }

    @Test func `a hundred pages wait at once, and all of them hear`() async throws {
        try await BrowserScene.withFlow(Self.patient) { flow in
            let signIn = try await flow.begin()
            let link = try await flow.lastLink()
            try await expectQuick {
                async let states = race(100) { _ in try await flow.awaitLink(of: signIn) }
                try await until(100, wait: flow)
                _ = try await flow.decide(true, link)
                let heard = try await states
                #expect(heard.count == 100)
                #expect(heard.allSatisfy { $0 == .approved })
            }
            try await until(0, wait: flow)
        }
    }

    @Test func `an answer wakes nobody who waits for another one`() async throws {
        try await BrowserScene.withFlow { flow in
            let signIn = try await flow.begin()
            let other = try await flow.begin(.typing("+81 90 9876 5432", browser: "of bob"))
            let link = try await flow.lastLink()
            async let state = flow.awaitLink(of: signIn)
            try await until(1, wait: flow)
            _ = try await flow.decide(true, link)
            let heard = try await state
            #expect(heard == .waiting)
            #expect(try await flow.awaitLink(of: other, browser: "of bob") == .approved)
        }
    }

    @Test func `an address has so many polls, and a refused one leaves nothing behind`() async throws {
        var settings = BrowserScene.settings
        settings.pollPerIP = Limit(count: 2, windowSeconds: 60)
        try await BrowserScene.withFlow(settings) { flow in
            let signIn = try await flow.begin()
            #expect(await flow.refusalOfWaiting(for: signIn) == nil)
            #expect(await flow.refusalOfWaiting(for: signIn, browser: "another") == nil)
            #expect(await flow.refusalOfWaiting(for: signIn) == .limited(.pollPerIP))
            try await until(0, wait: flow)
            flow.clock.advance(seconds: 30)
            #expect(await flow.refusalOfWaiting(for: signIn) == nil)
        }
    }

    @Test func `a database that is gone is told as such`() async throws {
        try await BrowserScene.withFlow { flow in
            let signIn = try await flow.begin()
            try await flow.store.run("DROP TABLE phone_operation")
            #expect(await flow.refusalOfWaiting(for: signIn) == .unavailable)
            try await until(0, wait: flow)
        }
    }
}

/// What happens once: after an act is done, and before its caller hears of it.
private final class Interruption: Sendable {
    private struct State {
        var work: (@Sendable () async throws -> Void)?
        var isOver = false
    }

    private let state = Mutex(State())

    var isOver: Bool { state.withLock { $0.isOver } }

    func plan(_ work: @escaping @Sendable () async throws -> Void) { state.withLock { $0.work = work } }

    func happen() async throws {
        let work = state.withLock { state in
            let work = state.work
            state.work = nil
            return work
        }
        guard let work else { return }
        try await work()
        state.withLock { $0.isOver = true }
    }
}

/// The engine, and the moment that a test waits for.
private struct InterruptedEngine: SQLEngine {
    let engine: any SQLEngine
    let interruption: Interruption

    func write<Result: Sendable>(_ act: @escaping SQLAct<Result>) async throws -> Result {
        let result = try await engine.write(act)
        try await interruption.happen()
        return result
    }

    func read<Result: Sendable>(_ act: @escaping SQLAct<Result>) async throws -> Result { try await engine.read(act) }

    func define<Result: Sendable>(
        _ change: @escaping @Sendable (any SQLSchema) async throws -> Result
    ) async throws -> Result {
        try await engine.define(change)
    }

    func close() async { await engine.close() }
}
