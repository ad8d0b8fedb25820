import Accounts
import Cryptography
import DeveloperLog
import JOSE
import Logging
import OAuth
import ServiceLifecycle
import Storage
import TestSupport
import Testing
import Time

@testable import ClientServers

/// The delivery as the server runs it, on a real store, a clock that stands still, and servers of the test's.
@Suite(.timeLimit(.minutes(1))) struct BackChannelLogoutDeliveryTests {
    /// One process.
    private struct Node: Sendable {
        let store: SQLStore
        let clock: ManualClock
        let post: ScriptedPost
        var clients: [Client] = ["shop", "mail", "slow"].map(Self.client)

        static let key: KeySet = {
            guard let signing = try? SigningKey.generate(.es256) else { preconditionFailure("no key") }
            let key = JWSKey(kid: "key-1", signing: signing)
            return KeySet(keys: [key], active: [.es256: key])
        }()

        static func client(_ id: String) -> Client {
            var client = Client.fixture(id)
            client.backchannelLogoutURI = "https://\(id).example/logout"
            return client
        }

        func queue(_ client: String, _ count: Int = 1) async throws {
            for _ in 0..<count {
                try await store.run(
                    """
                    INSERT INTO logout_notice (session_id, client_id, account_id, queued_at, due_at, attempts)
                    VALUES (\(Unique.name("session")), \(client), 'alice', \(clock.now), \(clock.now), 0)
                    """)
            }
        }

        /// When the only notice that waits is to be tried again; `nil` when there is none any more.
        func retry() async throws -> Timestamp? {
            let leaseEnd = clock.now.adding(seconds: BackChannelLogoutDelivery.leaseSeconds)
            while true {
                let due = try await store.engine.read { connection in
                    try await connection.first("SELECT due_at FROM logout_notice").map { try $0.time(0) }
                }
                guard let due else { return nil }
                if due > clock.now, due != leaseEnd { return due }
                try await Task.sleep(for: .milliseconds(5))
            }
        }

        var waiting: Int { get async throws { try await store.count("logout_notice") } }

        /// Runs the delivery while `body` runs, and ends it as a server that shuts down does.
        func whileDelivering(_ body: @escaping @Sendable () async throws -> Void) async throws {
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            let registry = ClientRegistry(clients)
            let delivery = BackChannelLogoutDelivery(
                store: store, client: { registry[$0] },
                tokens: LogoutTokenIssuer(
                    issuer: .localhost(port: 8080), keys: Self.key,
                    subjects: SubjectIdentifiers(secret: TestSecret.bytes), entropy: .seeded(1)),
                post: post, clock: clock.clock,
                // Three quarters of the jitter: no pause is as long as a lease.
                entropy: Entropy { count in [0xC0] + [UInt8](repeating: 0, count: count - 1) }, logger: logger)
            let group = ServiceGroup(services: [delivery], logger: logger)
            try await withThrowingTaskGroup { tasks in
                tasks.addTask { try await group.run() }
                try await body()
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
            }
        }
    }

    private func withNode(
        _ answers: [String: [ScriptedPost.Answer]] = [:], _ body: (Node) async throws -> Void
    ) async throws {
        try await withStore { store in
            try await body(Node(store: store, clock: ManualClock(), post: ScriptedPost(answers)))
        }
    }

    private func eventually(_ condition: () async throws -> Bool) async throws {
        while try await !condition() { try await Task.sleep(for: .milliseconds(5)) }
    }

    @Test func `a client is told once, at its address, by a token for it`() async throws {
        try await withNode { node in
            try await node.queue("shop")
            try await node.whileDelivering { try await eventually { try await node.waiting == 0 } }
            #expect(node.post.sent.map(\.url) == ["https://shop.example/logout"])
            let form = try FormParameters(parsing: try #require(node.post.sent.first).form)
            #expect(form.pairs.map(\.name) == ["logout_token"])
            let key = try known(Node.key.current.key(id: "key-1"))
            let token = try JWS.verify(try form.required("logout_token", ""), type: "logout+jwt", keys: { _ in key })
            #expect(try JSONValue(parsing: token.payload)["aud"]?.string == "shop")
            #expect(try await node.store.log().isEmpty)
        }
    }

    static let failures: [[ScriptedPost.Answer]] = [
        [.silence], [.status(500)], [.status(503)], [.status(404)], [.status(302)], [.status(401)], [.status(429)],
    ]

    @Test(arguments: failures)
    func `a client that does not take it is told again, after pauses that grow`(
        _ answers: [ScriptedPost.Answer]
    ) async throws {
        try await withNode(["shop": answers]) { node in
            try await node.queue("shop")
            try await node.whileDelivering {
                for (attempt, pause) in [1250, 2500, 5000, 10_000].enumerated() {
                    let due = try #require(try await node.retry())
                    #expect(due.milliseconds - node.clock.now.milliseconds == pause)
                    #expect(node.post.sent.count == attempt + 1)
                    node.clock.set(to: due)
                }
            }
        }
    }

    @Test func `after an hour nobody is told any more, and the log has it`() async throws {
        try await withNode(["shop": [.status(503)]]) { node in
            try await node.queue("shop")
            try await node.whileDelivering {
                while let due = try await node.retry() { node.clock.set(to: due) }
            }
            // Ten pauses that double, and then as many of the longest as fit.
            #expect(node.post.sent.count == 14)
            #expect(node.clock.now.seconds - Timestamp.noon.seconds == 3528)
            let line = try #require(try await node.store.log().first)
            #expect(line.kind == .logoutFailed && line.figures == "status 503")
        }
    }

    @Test func `what waited for hours, since the server was down, is sent all the same`() async throws {
        try await withNode { node in
            try await node.queue("shop")
            node.clock.advance(seconds: 10_000)
            try await node.whileDelivering { try await eventually { try await node.waiting == 0 } }
            #expect(node.post.sent.count == 1)
        }
    }

    @Test func `a client that refuses is not asked again`() async throws {
        try await withNode(["shop": [.status(400)]]) { node in
            try await node.queue("shop")
            try await node.whileDelivering { try await eventually { try await node.waiting == 0 } }
            #expect(node.post.sent.count == 1)
            #expect(try await node.store.log().map(\.figures) == ["status 400"])
        }
    }

    @Test func `a client that is gone, or does not want to hear, is left alone`() async throws {
        try await withNode { node in
            var node = node
            node.clients.append(.fixture("game"))
            try await node.queue("game")
            try await node.queue("gone")
            let running = node
            try await node.whileDelivering { try await eventually { try await running.waiting == 0 } }
            #expect(node.post.sent.isEmpty)
            #expect(try await node.store.log().isEmpty)
        }
    }

    @Test func `a client that hangs keeps no other waiting, and gets no more than it can take`() async throws {
        let gate = Gate()
        try await withNode(["slow": [.after(gate)]]) { node in
            try await node.queue("slow", 100)
            try await node.queue("shop", 20)
            try await node.whileDelivering {
                try await eventually { node.post.count(of: "shop") == 20 }
                try await node.queue("mail", 20)
                try await eventually { node.post.count(of: "mail") == 20 }
                #expect((8..<16).contains(node.post.count(of: "slow")))
                gate.open()
                try await eventually { try await node.waiting == 0 }
            }
            #expect(node.post.count(of: "slow") == 100)
        }
    }

    @Test func `several nodes tell each client once`() async throws {
        try await withDatabaseFile { file in
            let (clock, post) = (ManualClock(), ScriptedPost())
            let nodes = try (0..<3).map { _ in Node(store: try file.open(), clock: clock, post: post) }
            try await nodes[0].queue("shop", 50)
            try await nodes[0].queue("mail", 50)
            try await nodes[0].whileDelivering {
                try await nodes[1].whileDelivering {
                    try await nodes[2].whileDelivering { try await eventually { try await nodes[0].waiting == 0 } }
                }
            }
            #expect(post.count(of: "shop") == 50 && post.count(of: "mail") == 50)
        }
    }

    @Test func `what a killed process had taken another one tells when the lease is over`() async throws {
        try await withNode { node in
            try await node.queue("shop")
            let lease = node.clock.now.adding(seconds: BackChannelLogoutDelivery.leaseSeconds)
            let taken = try await node.store.claimLogoutNotices(
                atMost: 1, butFor: [], leaseUntil: lease, at: node.clock.now)
            #expect(taken.count == 1)
            try await node.whileDelivering {
                try await node.queue("mail")
                try await eventually { node.post.count(of: "mail") == 1 }
                #expect(node.post.count(of: "shop") == 0)
                node.clock.set(to: lease)
                try await eventually { try await node.waiting == 0 }
            }
            #expect(node.post.count(of: "shop") == 1)
        }
    }

    @Test func `at the end those under way are waited for`() async throws {
        let gate = Gate()
        try await withNode(["slow": [.after(gate)]]) { node in
            try await node.queue("slow")
            try await node.whileDelivering {
                try await eventually { node.post.sent.count == 1 }
                Task {
                    try await Task.sleep(for: .milliseconds(50))
                    gate.open()
                }
            }
            #expect(try await node.waiting == 0)
        }
    }
}
