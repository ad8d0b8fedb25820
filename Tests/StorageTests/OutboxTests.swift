import DeveloperLog
import Messaging
import OAuth
import PhoneLogin
import Storage
import TestSupport
import Testing
import Time

@Suite struct OutboxTests {
    private let login = PhoneLoginFixture()
    private let lease = Timestamp.noon.adding(seconds: 15)

    /// As many texts, each of a login of its own; returns their messages' ids, as claimed and given back.
    private func queue(_ count: Int, on store: SQLStore, at now: Timestamp = .noon) async throws {
        for number in 0..<count {
            var login = login
            login.client = .fixture("game \(number)")
            _ = try await login.start(on: store, at: now)
        }
    }

    private func claim(
        _ count: Int = 100, on store: SQLStore, at now: Timestamp = .noon
    ) async throws -> [QueuedMessage] {
        try await store.claimMessages(atMost: count, leaseUntil: now.adding(seconds: 15), at: now)
    }

    private func record(
        _ result: DeliveryOutcome.Result, of messages: [QueuedMessage], on store: SQLStore, at now: Timestamp = .noon
    ) async throws {
        let outcomes = messages.map { DeliveryOutcome(of: $0, result) }
        try await store.record(outcomes, at: now)
    }

    @Test(arguments: Backend.allCases)
    func `a claimed message is what was queued`(on backend: Backend) async throws {
        try await backend.withStore { store in
            _ = try await login.start(code: "314159", on: store)
            let message = try #require(try await claim(on: store).first)
            #expect(message.recipient == "+819012345678")
            #expect(message.template == .signInCode)
            #expect(message.locale == "en")
            #expect(message.clientID == "game")
            #expect(message.createdAt == .noon)
            #expect(message.expiresAt == .noon.adding(seconds: 180))
            #expect(message.attempts == 0)
            #expect(login.messageSeal.open(message.sealedContent, id: message.id)?.body == "314159")
        }
    }

    @Test(arguments: Backend.allCases)
    func `every message is claimed by one of those that race for it`(on backend: Backend) async throws {
        try await backend.withStores(4) { stores in
            try await queue(60, on: stores[0])
            let claims = try await race(24) { index in
                try await stores.turn(index).claimMessages(
                    atMost: 7, leaseUntil: .noon.adding(seconds: 15), at: .noon)
            }
            #expect(claims.allSatisfy { $0.count <= 7 })
            let ids = claims.joined().map(\.id)
            #expect(ids.count == 60)
            #expect(Set(ids).count == 60)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a message whose holder died comes back when the lease ends, and not before`(
        on backend: Backend
    ) async throws {
        try await backend.withStore { store in
            try await queue(1, on: store)
            let first = try await claim(on: store)
            #expect(try await claim(on: store, at: lease.adding(milliseconds: -1)).isEmpty)
            let second = try await claim(on: store, at: lease)
            #expect(second.map(\.id) == first.map(\.id))
            #expect(second.map(\.attempts) == [1])
        }
    }

    @Test(arguments: Backend.allCases)
    func `a retry falls due at its time and counts`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await queue(1, on: store)
            let retry = Timestamp.noon.adding(seconds: 4)
            try await record(.retry(at: retry), of: try await claim(on: store), on: store)
            #expect(try await claim(on: store, at: retry.adding(milliseconds: -1)).isEmpty)
            #expect(try await claim(on: store, at: retry).map(\.attempts) == [1])
            #expect(try await store.log().isEmpty)
        }
    }

    @Test(arguments: Backend.allCases, [(DeliveryOutcome.Result.sentForGood, "sent"), (.failed, "failed")])
    func `a message that is final is not claimed again, and its body is gone`(
        on backend: Backend, _ row: (result: DeliveryOutcome.Result, state: String)
    ) async throws {
        try await backend.withStore { store in
            try await queue(3, on: store)
            let claimed = try await claim(2, on: store)
            try await record(row.result, of: claimed, on: store)
            // What comes too late changes nothing: the lease ran out and somebody else was quicker.
            try await record(.retry(at: .noon), of: claimed, on: store)

            #expect(try await claim(on: store, at: lease).count == 1)
            #expect(try await store.count("message", where: "state = '\(row.state)'") == 2)
            #expect(try await store.count("message", where: "body IS NULL AND due_at IS NULL") == 2)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a message that failed is a line in the log`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await queue(1, on: store)
            let claimed = try await claim(on: store)
            try await record(.failed, of: claimed, on: store)
            let event = try #require(try await store.log().first)
            #expect(event.kind == .messageFailed)
            #expect(event.requestID == claimed.first?.id)
            #expect(event.clientID == "game 0")
        }
    }

    @Test(arguments: Backend.allCases)
    func `a message whose code died is not sent, and its body is gone`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await queue(2, on: store)
            try await queue(1, on: store, at: .noon.adding(seconds: 1))
            let expiry = Timestamp.noon.adding(seconds: 180)
            let claimed = try await claim(on: store, at: expiry)
            #expect(claimed.count == 1 || claimed.isEmpty)
            #expect(claimed.allSatisfy { $0.expiresAt > expiry })
            #expect(try await store.count("message", where: "state = 'expired' AND body IS NULL") >= 1)
            #expect(
                try await store.count("message", where: "body IS NOT NULL AND expires_at <= \(expiry.milliseconds)")
                    == 0)
        }
    }

    @Test(arguments: Backend.allCases)
    func `the oldest are claimed first`(on backend: Backend) async throws {
        try await backend.withStore { store in
            for second in [3, 1, 2, 0] {
                var login = login
                login.client = .fixture("game \(second)")
                _ = try await login.start(on: store, at: .noon.adding(seconds: second))
            }
            let now = Timestamp.noon.adding(seconds: 5)
            #expect(try await claim(3, on: store, at: now).map(\.clientID) == ["game 0", "game 1", "game 2"])
            #expect(try await claim(3, on: store, at: now).map(\.clientID) == ["game 3"])
        }
    }

    @Test(arguments: Backend.allCases)
    func `what was queued before a crash is there after it`(on backend: Backend) async throws {
        try await backend.withDatabase { database in
            do {
                let store = try await database.open()
                try await queue(3, on: store)
                _ = try await claim(1, on: store)
            }
            let store = try await database.open()
            #expect(try await claim(on: store).count == 2)
            #expect(try await claim(on: store, at: lease).count == 3)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a late word of a holder that lost its lease does not undo a delivery`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await queue(1, on: store)
            let slow = try await claim(on: store)
            let quick = try await claim(on: store, at: lease)
            try await record(.sentForGood, of: quick, on: store, at: lease)
            try await record(.failed, of: slow, on: store, at: lease)
            #expect(try await store.count("message", where: "state = 'sent'") == 1)
            #expect(try await store.log().isEmpty)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a late retry does not take the lease of whoever has it now`(on backend: Backend) async throws {
        try await backend.withStore { store in
            try await queue(1, on: store)
            let slow = try await claim(on: store)
            let quick = try await claim(on: store, at: lease)
            #expect(quick.count == 1)
            try await record(.retry(at: lease), of: slow, on: store, at: lease)
            #expect(try await claim(on: store, at: lease.adding(seconds: 1)).isEmpty)
        }
    }
}

extension DeliveryOutcome.Result {
    /// By a provider that reports nothing.
    static let sentForGood = DeliveryOutcome.Result.sent(connector: "file", providerID: nil, awaitsReceipt: false)
}

@Suite struct EarlyReceiptTests {
    private let login = PhoneLoginFixture()

    private func claimed(on store: SQLStore) async throws -> QueuedMessage {
        _ = try await login.start(on: store)
        return try known(
            try await store.claimMessages(atMost: 1, leaseUntil: .noon.adding(seconds: 15), at: .noon).first)
    }

    /// The provider took the text, and its answer came too late for us.
    @Test(arguments: Backend.allCases)
    func `proof of delivery ends a text that is still on its way`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let message = try await claimed(on: store)
            let receipt = DeliveryReceipt(providerID: "theirs", messageID: message.id, state: .delivered)
            let effect = try await store.record(receipt, from: "first", at: .noon)
            #expect(effect == .recorded)
            let goesOn = try await store.extendLease(of: message, until: .noon.adding(seconds: 30))
            #expect(!goesOn, "no other connector gets it")
            #expect(try await store.count("message", where: "state = 'delivered' AND body IS NULL") == 1)
        }
    }

    @Test(arguments: Backend.allCases)
    func `a failure that is told before the acceptance is asked for again`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let message = try await claimed(on: store)
            let receipt = DeliveryReceipt(providerID: "theirs", messageID: message.id, state: .failed)
            let early = try await store.record(receipt, from: "first", at: .noon)
            #expect(early == .early)
            let sent = DeliveryOutcome.Result.sent(connector: "first", providerID: "theirs", awaitsReceipt: true)
            try await store.record([DeliveryOutcome(of: message, sent)], at: .noon)
            let effect = try await store.record(receipt, from: "first", at: .noon)
            #expect(effect == .movedOn)
        }
    }

    @Test(arguments: Backend.allCases)
    func `of receipts that race, and of operators, one moves a text on to another connector`(
        on backend: Backend
    ) async throws {
        try await backend.withStores(4) { stores in
            for byOperator in [false, true] {
                let message = try await claimed(on: stores[0])
                let sent = DeliveryOutcome.Result.sent(
                    connector: "first", providerID: message.id, awaitsReceipt: true)
                try await stores[0].record([DeliveryOutcome(of: message, sent)], at: .noon)
                let receipt = DeliveryReceipt(providerID: message.id, messageID: message.id, state: .failed)
                let moves = try await race(16) { index in
                    byOperator
                        ? try await stores.turn(index).retry(message.id, at: .noon) == .movedOn
                        : try await stores.turn(index).record(receipt, from: "first", at: .noon) == .movedOn
                }
                #expect(moves.count { $0 } == 1)
                #expect(
                    try await stores[0].count(
                        "message", where: "id = '\(message.id)' AND failed_connectors = 'first '") == 1)
                try await stores[0].run("UPDATE message SET due_at = NULL")
            }
        }
    }

    @Test(arguments: Backend.allCases)
    func `a text that somebody has in hand is not hastened`(on backend: Backend) async throws {
        try await backend.withStore { store in
            let message = try await claimed(on: store)
            let during = try await store.retry(message.id, at: .noon)
            #expect(during == .underWay)
            try await store.record([DeliveryOutcome(of: message, .retry(at: .noon.adding(seconds: 30)))], at: .noon)
            let after = try await store.retry(message.id, at: .noon)
            #expect(after == .hastened)
        }
    }

    @Test(arguments: Backend.allCases)
    func `texts of a code that was replaced do not leave any more`(on backend: Backend) async throws {
        try await backend.withStore { store in
            _ = try await login.start("first", code: "111111", on: store)
            _ = try await login.guess("999999", at: "first", on: store)
            _ = try await login.start("second", code: "222222", on: store)
            let texts = try await login.takeTexts(on: store)
            #expect(texts == ["222222"])
        }
    }

    @Test(arguments: Backend.allCases)
    func `texts of a code without guesses do not leave any more`(on backend: Backend) async throws {
        try await backend.withStore { store in
            var login = login
            login.maxGuesses = 1
            _ = try await login.start("only", code: "111111", on: store)
            _ = try await login.guess("999999", at: "only", on: store)
            let texts = try await login.takeTexts(on: store)
            #expect(texts.isEmpty)
        }
    }
}
