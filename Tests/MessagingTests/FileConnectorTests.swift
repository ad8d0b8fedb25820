import Foundation
import Messaging
import TestSupport
import Testing
import Time

@Suite struct FileConnectorTests {
    private func message(_ body: String) -> TextMessage {
        TextMessage(
            id: "message", recipient: "+819012345678", region: "JP", content: MessageContent(body: body),
            template: .signInCodeAndLink, locale: "ja",
            clientID: "game", createdAt: .noon.adding(milliseconds: 7), expiresAt: .noon.adding(seconds: 180))
    }

    private func lines(_ path: String) throws -> [[String: String]] {
        try String(contentsOf: URL(filePath: path), encoding: .utf8).split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: String])
        }
    }

    @Test func `a text is one line of JSON, whatever it holds`() async throws {
        try await withTemporaryDirectory { directory in
            let connector = FileConnector(path: directory + "/outbox.jsonl")
            let body = "246802 \"quoted\"\n@game.example #246802\r\u{2028}\u{0}電話"
            _ = await connector.send(message(body), at: .noon)
            let line = try #require(try lines(directory + "/outbox.jsonl").first)
            #expect(line["body"] == body)
            #expect(line["id"] == "message")
            #expect(line["to"] == "+819012345678")
            #expect(line["template"] == "sign_in_code_and_link")
            #expect(line["locale"] == "ja")
            #expect(line["channel"] == "sms")
            #expect(line["created_at"] == "2026-01-01T12:00:00.007Z")
        }
    }

    @Test func `lines of several writers never mix, and a file that exists is continued`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/outbox.jsonl"
            let connectors = (0..<4).map { _ in FileConnector(path: path) }
            _ = try await race(200) { index in
                let body = "\(index) " + String(repeating: "x", count: 2000)
                _ = await connectors.turn(index).send(message(body), at: .noon)
            }
            #expect(Set(try lines(path).compactMap { $0["body"]?.split(separator: " ").first }).count == 200)
        }
    }

    @Test func `the file is its owner's alone`() async throws {
        try await withTemporaryDirectory { directory in
            _ = await FileConnector(path: directory + "/outbox.jsonl").send(message("246802"), at: .noon)
            let attributes = try FileManager.default.attributesOfItem(atPath: directory + "/outbox.jsonl")
            #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
        }
    }

    @Test func `a place that cannot be written to is out of reach, not a refusal`() async throws {
        try await withTemporaryDirectory { directory in
            let connector = FileConnector(path: directory + "/missing/outbox.jsonl")
            #expect(await connector.send(message("246802"), at: .noon).outcome == .unreachable)
            try FileManager.default.createDirectory(
                atPath: directory + "/missing", withIntermediateDirectories: false)
            _ = await connector.send(message("246802"), at: .noon)
            #expect(try lines(directory + "/missing/outbox.jsonl").count == 1)
        }
    }

    /// As the connector's own comment promises.
    @Test func `a file that was moved away is made anew`() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/outbox.jsonl"
            let connector = FileConnector(path: path)
            _ = await connector.send(message("before"), at: .noon)
            try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
            _ = await connector.send(message("after"), at: .noon)
            #expect(try lines(path + ".1").map { $0["body"] } == ["before"])
            #expect(try lines(path).map { $0["body"] } == ["after"])
        }
    }
}

@Suite struct DevelopmentInboxTests {
    private func message(_ body: String) -> TextMessage {
        TextMessage(
            id: body, recipient: "+819012345678", region: "JP", content: MessageContent(body: body),
            template: .signInCode, locale: "en", clientID: "game", createdAt: .noon,
            expiresAt: .noon.adding(seconds: 180))
    }

    @Test func `it shows what a connector took, newest first, and no more than fits`() async throws {
        let inbox = DevelopmentInbox()
        let connector = InboxConnector(inbox: inbox, next: ScriptedConnector(.takes))
        for number in 0..<250 { _ = await connector.send(message("\(number)"), at: .noon) }
        #expect(inbox.messages.count == 200)
        #expect(inbox.messages.first?.body == "249")
        #expect(inbox.messages.last?.body == "50")
    }

    @Test func `it does not show what was not taken`() async throws {
        let inbox = DevelopmentInbox()
        for answer in [ScriptedConnector.Answer.refuses, .isUnreachable] {
            let connector = InboxConnector(inbox: inbox, next: ScriptedConnector(answer))
            _ = await connector.send(message("lost"), at: .noon)
        }
        #expect(inbox.messages.isEmpty)
    }

    @Test func `a watcher is told of arrivals`() async throws {
        let inbox = DevelopmentInbox()
        let connector = InboxConnector(inbox: inbox, next: ScriptedConnector(.takes))
        let arrivals = inbox.arrivals()
        for number in 0..<3 { _ = await connector.send(message("\(number)"), at: .noon) }
        var iterator = arrivals.makeAsyncIterator()
        #expect(await iterator.next() != nil)
        #expect(inbox.messages.count == 3)
    }
}
