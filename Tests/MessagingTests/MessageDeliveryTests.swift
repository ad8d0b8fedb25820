import Cryptography
import DeveloperLog
import Logging
import PhoneLogin
import ServiceLifecycle
import Storage
import TestSupport
import Testing
import Time

@testable import Messaging

/// The delivery as the server runs it, on a real store, a clock that stands still, and providers of the test's.
@Suite(.timeLimit(.minutes(1))) struct MessageDeliveryTests {
    /// One process' delivery.
    private struct Post: Sendable {
        let store: SQLStore
        let clock: ManualClock
        let doorbell = Doorbell()
        let routing: MessageRouting
        var login = PhoneLoginFixture()

        init(store: SQLStore, clock: ManualClock, connectors: [any MessageConnector]) {
            self.store = store
            self.clock = clock
            routing = MessageRouting(
                connectors.enumerated().map { index, connector in
                    ConfiguredConnector(name: "connector-\(index + 1)", type: "scripted", connector: connector)
                }, entropy: .seeded(1))
        }

        func queue(_ code: String, lifetimeSeconds: Int = 180) async throws {
            var login = login
            login.client = .fixture("game of \(code)")
            login.lifetimeSeconds = lifetimeSeconds
            login.leasedUntil = doorbell.leaseEnd(at: clock.now)
            guard case .started(_, let message) = try await login.start(code: code, on: store, at: clock.now) else {
                throw BrokenFixture()
            }
            doorbell.hand(over: try known(message))
        }

        /// Runs the delivery while `body` runs, and ends it as a server that shuts down does.
        func whileDelivering(_ body: @escaping @Sendable () async throws -> Void) async throws {
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            let delivery = MessageDelivery(
                store: store, seal: login.messageSeal, routing: routing, doorbell: doorbell,
                clock: clock.clock, entropy: .withoutJitter, logger: logger)
            let group = ServiceGroup(services: [delivery], logger: logger)
            try await withThrowingTaskGroup { tasks in
                tasks.addTask { try await group.run() }
                try await body()
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
            }
        }

        /// Of texts to Japan.
        var unavailableSeconds: Int? { routing.unavailableSeconds(for: .sms, region: "JP", at: clock.now) }

        func states() async throws -> [String] {
            try await store.engine.read { connection in
                try await connection.rows("SELECT state FROM message ORDER BY created_at, id").map { try $0.text(0) }
            }
        }

        func count(in state: String) async throws -> Int {
            try await store.count("message", where: "state = '\(state)'")
        }
    }

    private func withPost(
        _ connectors: ScriptedConnector..., body: (Post) async throws -> Void
    ) async throws {
        try await withStore { store in
            try await body(Post(store: store, clock: ManualClock(), connectors: connectors))
        }
    }

    @Test func `a text is sent once and its body is gone`() async throws {
        let provider = ScriptedConnector(.takes)
        try await withPost(provider) { post in
            try await post.whileDelivering {
                for number in 0..<20 { try await post.queue("\(100_000 + number)") }
                try await eventually { try await post.count(in: "sent") == 20 }
                post.doorbell.ring()
            }
            #expect(Set(provider.bodies) == Set((0..<20).map { "\(100_000 + $0)" }))
            #expect(provider.seen.count == 20)
            #expect(provider.seen.allSatisfy { $0.recipient == "+819012345678" && $0.template == .signInCode })
            #expect(try await post.store.count("message", where: "body IS NOT NULL") == 0)
        }
    }

    @Test func `a text is claimed as it is queued, while somebody delivers here`() async throws {
        let provider = ScriptedConnector(.takes)
        try await withPost(provider) { post in
            #expect(post.doorbell.leaseEnd(at: post.clock.now) == nil)
            try await post.whileDelivering {
                try await eventually { post.doorbell.leaseEnd(at: post.clock.now) != nil }
                try await post.queue("246802")
                #expect(try await post.store.count("message", where: "attempts = 1") == 1)
                try await eventually { try await post.count(in: "sent") == 1 }
            }
            #expect(provider.bodies == ["246802"])
            #expect(post.doorbell.leaseEnd(at: post.clock.now) == nil)
        }
    }

    @Test func `a provider that is out of reach is tried again after one second, two, four`() async throws {
        let provider = ScriptedConnector(.isUnreachable, .isUnreachable, .isUnreachable, .takes)
        try await withPost(provider) { post in
            try await post.whileDelivering {
                try await post.queue("246802")
                for (attempt, pause) in [1, 2, 4].enumerated() {
                    let due = post.clock.now.adding(seconds: pause).milliseconds
                    try await eventually { try await post.store.count("message", where: "due_at = \(due)") == 1 }
                    #expect(provider.seen.count == attempt + 1)
                    post.clock.advance(seconds: pause)
                    post.doorbell.ring()
                }
                try await eventually { try await post.count(in: "sent") == 1 }
            }
            #expect(provider.bodies == [String](repeating: "246802", count: 4))
            #expect(Set(provider.seen.map(\.id)).count == 1, "a provider can tell a repeat by its id")
            #expect(try await post.store.log().isEmpty)
        }
    }

    @Test func `a retry needs nobody to ring for it`() async throws {
        let provider = ScriptedConnector(.isUnreachable, .takes)
        try await withPost(provider) { post in
            try await post.whileDelivering {
                try await post.queue("246802")
                let due = post.clock.now.adding(seconds: 1).milliseconds
                try await eventually { try await post.store.count("message", where: "due_at = \(due)") == 1 }
                post.clock.advance(seconds: 1)
                try await eventually { try await post.count(in: "sent") == 1 }
            }
        }
    }

    @Test func `the second provider takes what the first cannot`() async throws {
        let (first, second) = (ScriptedConnector(.isUnreachable), ScriptedConnector(.takes))
        try await withPost(first, second) { post in
            try await post.whileDelivering {
                for number in 0..<6 {
                    try await post.queue("\(100_000 + number)")
                    try await eventually { try await post.count(in: "sent") == number + 1 }
                }
            }
            #expect(first.seen.count == 5, "after five failures it is passed over")
            #expect(Set(second.bodies).count == 6)
            #expect(post.unavailableSeconds == nil, "texts do go out")
        }
    }

    @Test func `what a provider refuses for good is not offered to another, nor again`() async throws {
        let (first, second) = (ScriptedConnector(.refuses), ScriptedConnector(.takes))
        try await withPost(first, second) { post in
            try await post.whileDelivering {
                try await post.queue("246802")
                try await eventually { try await post.count(in: "failed") == 1 }
                post.clock.advance(seconds: 60)
                post.doorbell.ring()
                try await post.queue("135791")
                try await eventually { try await post.count(in: "failed") == 2 }
            }
            #expect(first.bodies == ["246802", "135791"])
            #expect(second.seen.isEmpty)
            #expect(try await post.store.log().map(\.kind) == [.messageFailed, .messageFailed])
            #expect(try await post.store.count("message", where: "body IS NOT NULL") == 0)
            #expect(post.unavailableSeconds == nil, "a bad number is not a bad provider")
        }
    }

    @Test func `a text whose code would be dead by the next try has failed`() async throws {
        let provider = ScriptedConnector(.isUnreachable)
        try await withPost(provider) { post in
            try await post.whileDelivering {
                try await post.queue("246802", lifetimeSeconds: 1)
                try await eventually { try await post.count(in: "failed") == 1 }
            }
            #expect(provider.seen.count == 1)
            #expect(try await post.store.log().map(\.kind) == [.messageFailed])
        }
    }

    @Test func `a text that waited too long is not sent`() async throws {
        let provider = ScriptedConnector(.takes)
        try await withPost(provider) { post in
            try await post.queue("246802")
            post.clock.advance(seconds: 180)
            try await post.whileDelivering {
                post.doorbell.ring()
                try await eventually { try await post.count(in: "expired") == 1 }
            }
            #expect(provider.seen.isEmpty)
            #expect(try await post.store.count("message", where: "body IS NOT NULL") == 0)
        }
    }

    @Test func `what an earlier process left behind is delivered at the start`() async throws {
        let provider = ScriptedConnector(.takes)
        try await withPost(provider) { post in
            for code in ["111111", "222222"] { try await post.queue(code) }
            // It died holding one of them.
            _ = try await post.store.claimMessages(
                atMost: 1, leaseUntil: post.clock.now.adding(seconds: 15), at: post.clock.now)
            try await post.whileDelivering {
                try await eventually { try await post.count(in: "sent") == 1 }
                post.clock.advance(seconds: 15)
                try await eventually { try await post.count(in: "sent") == 2 }
            }
            #expect(Set(provider.bodies) == ["111111", "222222"])
        }
    }

    @Test func `two processes send each text once`() async throws {
        let (first, second) = (ScriptedConnector(.takes), ScriptedConnector(.takes))
        try await withDatabaseFile { file in
            let clock = ManualClock()
            let here = Post(store: try file.open(), clock: clock, connectors: [first])
            let there = Post(store: try file.open(), clock: clock, connectors: [second])
            try await here.whileDelivering {
                try await there.whileDelivering {
                    for number in 0..<40 {
                        try await here.queue("\(100_000 + number)")
                        there.doorbell.ring()
                    }
                    try await eventually { try await here.count(in: "sent") == 40 }
                }
            }
            #expect(Set(first.bodies + second.bodies).count == 40)
            #expect(first.seen.count + second.seen.count == 40)
        }
    }

    @Test func `a shutdown lets go of what hangs, and keeps its text for the next start`() async throws {
        let (hanging, working) = (ScriptedConnector(.hangs), ScriptedConnector(.takes))
        try await withStore { store in
            let before = Post(store: store, clock: ManualClock(), connectors: [hanging])
            try await before.whileDelivering {
                try await before.queue("246802")
                try await eventually { hanging.seen.count == 1 }
            }
            #expect(try await before.states() == ["queued"])

            let after = Post(store: store, clock: before.clock, connectors: [working])
            after.clock.advance(seconds: 10)
            try await after.whileDelivering {
                try await eventually { try await after.count(in: "sent") == 1 }
            }
            #expect(working.bodies == ["246802"])
        }
    }

    @Test func `a provider that hangs holds nobody up but its own text, and not for ever`() async throws {
        let provider = ScriptedConnector(.hangs, .takes)
        try await withPost(provider) { post in
            try await post.whileDelivering {
                try await post.queue("111111")
                try await eventually { provider.seen.count == 1 }
                try await post.queue("222222")
                try await eventually { try await post.count(in: "sent") == 1 }
                #expect(provider.bodies == ["111111", "222222"])
                // Ten seconds is what one try may take.
                let due = post.clock.now.adding(seconds: 1).milliseconds
                try await eventually { try await post.store.count("message", where: "due_at = \(due)") == 1 }
                post.clock.advance(seconds: 1)
                try await eventually { try await post.count(in: "sent") == 2 }
            }
        }
    }

    @Test func `when nothing goes out any more people are told, and when it does they are not`() async throws {
        let provider = ScriptedConnector(
            .isUnreachable, .isUnreachable, .isUnreachable, .isUnreachable, .isUnreachable, .takes)
        try await withPost(provider) { post in
            try await post.whileDelivering {
                for number in 0..<5 { try await post.queue("\(100_000 + number)") }
                try await eventually { post.unavailableSeconds == 15 }
                post.clock.advance(seconds: 15)
                post.doorbell.ring()
                // One of them finds out that the provider is back; the others follow.
                try await eventually {
                    post.clock.advance(seconds: 1)
                    return try await post.count(in: "sent") == 5
                }
                #expect(post.unavailableSeconds == nil)
            }
        }
    }

    static let failures: [(ScriptedConnector.Answer, String)] = [
        (.isUnreachable, "is unreachable"), (.isMisconfigured, "is misconfigured"),
        (.throttles(seconds: 60), "throttles"), (.hangs, "hangs"),
    ]

    @Test(arguments: failures)
    func `a text goes on when a provider`(_ row: (answer: ScriptedConnector.Answer, name: String)) async throws {
        let (first, second) = (ScriptedConnector(row.answer), ScriptedConnector(.takes))
        try await withPost(first, second) { post in
            try await post.whileDelivering {
                try await post.queue("246802")
                try await eventually { try await post.count(in: "sent") == 1 }
            }
            #expect(first.bodies == ["246802"])
            #expect(second.bodies == ["246802"])
            #expect(try await post.store.count("message", where: "connector = 'connector-2'") == 1)
        }
    }

    @Test func `a provider that says when to come back is not asked before`() async throws {
        let provider = ScriptedConnector(.throttles(seconds: 40), .takes)
        try await withPost(provider) { post in
            try await post.whileDelivering {
                try await post.queue("246802")
                let due = post.clock.now.adding(seconds: 40).milliseconds
                try await eventually { try await post.store.count("message", where: "due_at = \(due)") == 1 }
            }
        }
    }

    @Test func `the words of a text are kept until its receipt, and go on to another provider if it failed`()
        async throws
    {
        let first = ScriptedConnector(.takes, givesReceipts: true)
        let second = ScriptedConnector(.takes, givesReceipts: true)
        try await withPost(first, second) { post in
            try await post.whileDelivering {
                try await post.queue("246802")
                try await eventually { try await post.count(in: "sent") == 1 }
                #expect(try await post.store.count("message", where: "body IS NOT NULL") == 1)
                let id = try #require(first.seen.first?.id)
                let failed = DeliveryReceipt(providerID: "their-\(id)", messageID: id, state: .failed)
                #expect(try await post.store.record(failed, from: "connector-1", at: post.clock.now) == .movedOn)
                post.doorbell.ring()
                try await eventually { second.bodies == ["246802"] }
                try await eventually { try await post.count(in: "sent") == 1 }
                // What the first provider says again is about a text that is not its own any more.
                #expect(try await post.store.record(failed, from: "connector-1", at: post.clock.now) == .unknown)
                #expect(try await post.store.record(failed, from: "connector-2", at: post.clock.now) == .movedOn)
                post.doorbell.ring()
                try await eventually { try await post.count(in: "failed") == 1 }
            }
            #expect(first.seen.count == 1)
            #expect(second.seen.count == 1)
            #expect(try await post.store.count("message", where: "body IS NOT NULL") == 0)
        }
    }

    @Test func `a text sealed with another key is given up and shows nothing`() async throws {
        let provider = ScriptedConnector(.takes)
        try await withPost(provider) { post in
            var post = post
            try await post.queue("246802")
            post.login.secret = [UInt8](repeating: 1, count: 32)
            let resealed = post
            try await resealed.whileDelivering {
                resealed.doorbell.ring()
                try await eventually { try await resealed.count(in: "failed") == 1 }
            }
            #expect(provider.seen.isEmpty)
        }
    }

    @Test func `a database that does not answer for a while is asked again`() async throws {
        let provider = ScriptedConnector(.takes)
        try await withPost(provider) { post in
            try await post.queue("246802")
            try await post.store.run("ALTER TABLE message RENAME TO elsewhere")
            try await post.whileDelivering {
                post.doorbell.ring()
                try await Task.sleep(for: .milliseconds(50))
                try await post.store.run("ALTER TABLE elsewhere RENAME TO message")
                try await eventually { try await post.count(in: "sent") == 1 }
            }
        }
    }
}

extension Entropy {
    /// The middle of every range that a pause is drawn from.
    fileprivate static let withoutJitter = Entropy { count in [0x80] + [UInt8](repeating: 0, count: count - 1) }
}

@Suite struct SlotsTests {
    @Test func `no more than the count are inside at once, and all get their turn`() async throws {
        let slots = Slots(count: 3)
        let (inside, most) = (Level(), Tally())
        await withDiscardingTaskGroup { group in
            for _ in 0..<50 {
                let taken = await slots.take(atMost: 1)
                #expect(taken == 1)
                group.addTask {
                    if inside.rise() > 3 { most.add() }
                    try? await Task.sleep(for: .milliseconds(1))
                    inside.fall()
                    slots.giveBack(1)
                }
            }
        }
        #expect(most.count == 0)
        #expect(inside.value == 0)
    }

    @Test func `who goes beyond the count is waited for`() async {
        let slots = Slots(count: 1)
        slots.takeOneMore()
        slots.takeOneMore()
        #expect(!slots.isAnyFree)
        slots.giveBack(1)
        #expect(!slots.isAnyFree)
        slots.giveBack(1)
        #expect(await slots.take(atMost: 3) == 1)
    }

    @Test func `what is free is given at once, and no more than asked for`() async {
        let slots = Slots(count: 5)
        #expect(await slots.take(atMost: 3) == 3)
        #expect(await slots.take(atMost: 3) == 2)
        slots.giveBack(4)
        #expect(await slots.take(atMost: 10) == 4)
    }
}
