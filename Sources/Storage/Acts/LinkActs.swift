import Accounts
package import Cryptography
package import DeveloperLog
import OAuth
package import PhoneLogin
import PhoneNumbers
package import RateLimiting
package import Time

extension SQLStore {
    package func linkedOperation(
        _ id: String, link: SHA256Digest, at now: Timestamp
    ) async throws -> LinkedOperation? {
        try await engine.read { connection in
            let row = try await connection.first(
                """
                SELECT c.client_id, o.started_at, o.asking_device, o.browser
                FROM phone_operation o JOIN phone_challenge c ON c.id = o.challenge_id
                WHERE o.id = \(id) AND o.link_digest = \(link) AND c.expires_at > \(now) AND o.link_approved IS NULL
                """)
            guard let row else { return nil }
            return LinkedOperation(
                client: ClientID(try row.text(0)), startedAt: try row.time(1), askingDevice: try row.optionalText(2),
                browser: try row.optionalBlob(3).flatMap { SHA256Digest(bytes: $0) })
        }
    }

    package func decide(
        _ decision: LinkDecision, charging charges: [LimitCharge], from origin: RequestOrigin, at now: Timestamp
    ) async throws -> LinkOutcome {
        try await engine.write { connection in
            try await LinkJudge(connection: connection, decision: decision, origin: origin, now: now)
                .decide(charging: charges)
        }
    }

    package func linkState(
        of id: String, askedBy holder: LinkHolder, charging charges: [LimitCharge], at now: Timestamp
    ) async throws -> LinkState {
        try await engine.write { connection in
            if let refusal = try await connection.charge(charges, at: now) { return .limited(refusal) }
            guard let operation = try await connection.liveOperation(id, at: now), operation.isHeld(by: holder) else {
                return .gone
            }
            return operation.isApproved.map { $0 ? .approved : .denied } ?? .waiting
        }
    }
}

extension SQLStore {
    /// So many at a time: a list of one length is one statement to prepare.
    private static let answersAtOnce = 64

    package func linkAnswers(of ids: [String]) async throws -> [String: LinkState] {
        var answers = Dictionary(ids.map { ($0, LinkState.gone) }, uniquingKeysWith: { first, _ in first })
        for start in stride(from: 0, to: ids.count, by: Self.answersAtOnce) {
            var wanted = Array(ids[start..<min(start + Self.answersAtOnce, ids.count)])
            // No operation is called "".
            wanted += Array(repeating: "", count: Self.answersAtOnce - wanted.count)
            let list = wanted
            let rows = try await engine.read { connection in
                try await connection.rows("SELECT id, link_approved FROM phone_operation WHERE id IN \(list: list)")
            }
            for row in rows {
                answers[try row.text(0)] = try row.optionalInteger(1).map { $0 != 0 ? .approved : .denied } ?? .waiting
            }
        }
        return answers
    }
}

/// One answer to the link in a text, inside its transaction.
private struct LinkJudge {
    let connection: any SQLConnection
    let decision: LinkDecision
    let origin: RequestOrigin
    let now: Timestamp

    func decide(charging charges: [LimitCharge]) async throws -> LinkOutcome {
        let asked = try await connection.liveOperation(decision.operationID, at: now)
        if let asked { try await connection.lock(.number(asked.identity)) }
        if let refusal = try await connection.charge(charges, at: now) {
            try await record(.linkRefused, rule: refusal.name.rawValue, "limit reached")
            return .limited(refusal)
        }
        let isFirst = try await answer()
        guard let operation = try await answered() else {
            try await record(.linkRefused, "unknown, expired, finished or answered before")
            return .gone
        }
        guard decision.isApproved else {
            if isFirst { try await refuse(operation) }
            return .denied(try await answerAll(like: operation))
        }
        if let browser = decision.browser, operation.browser == browser.digest.bytes {
            return try await signIn(operation, browser.session)
        }
        if isFirst {
            try await record(
                .linkApproved, phone: operation.identity, client: operation.client,
                "the person said yes, on another device than the one that asked")
        }
        return .approved(try await answerAll(like: operation))
    }

    /// The guarded statement is the referee: of a yes and a no that race, one finds the answer open.
    private func answer() async throws -> Bool {
        try await connection.run(
            """
            UPDATE phone_operation SET link_approved = \(decision.isApproved)
            WHERE id = \(decision.operationID) AND link_digest = \(decision.link) AND expires_at > \(now)
                AND link_approved IS NULL
            """) == 1
    }

    /// The operation, when this link belongs to it and this is its answer: now, or from an earlier click.
    private func answered() async throws -> LiveOperation? {
        let isLinked =
            try await connection.first(
                """
                SELECT 1 FROM phone_operation
                WHERE id = \(decision.operationID) AND link_digest = \(decision.link)
                """) != nil
        guard isLinked, let operation = try await connection.liveOperation(decision.operationID, at: now),
            operation.isApproved == decision.isApproved
        else { return nil }
        return operation
    }

    private func refuse(_ operation: LiveOperation) async throws {
        try await connection.dropMessages(ofChallenge: operation.challengeID)
        let code = decision.codeSeal.seal(decision.replacement, challenge: operation.challengeID)
        try await connection.send("UPDATE phone_challenge SET code = \(code) WHERE id = \(operation.challengeID)")
        try await record(.linkDenied, phone: operation.identity, client: operation.client, "the person said no")
    }

    /// A browser that asked for the text again waits for its latest operation, and the person may open any of
    /// its links. Other browsers' operations, and apps', are others' even when they share the code.
    private func answerAll(like operation: LiveOperation) async throws -> [String] {
        guard let browser = operation.browser else { return [decision.operationID] }
        return [decision.operationID]
            + (try await connection.rows(
                """
                UPDATE phone_operation SET link_approved = \(decision.isApproved)
                WHERE challenge_id = \(operation.challengeID) AND browser = \(browser) AND link_approved IS NULL
                RETURNING id
                """
            ).map { try $0.text(0) })
    }

    private func signIn(_ operation: LiveOperation, _ session: NewSession) async throws -> LinkOutcome {
        // The number was locked before the operation was looked at, so nobody else finishes it.
        try await connection.finish(operation)
        let outcome = try await begin(session, by: operation)
        try await connection.credit(operation, decision.confirmed)
        return outcome
    }

    private func begin(_ session: NewSession, by operation: LiveOperation) async throws -> LinkOutcome {
        let account = try await connection.provenAccount(
            operation.identity, new: decision.newAccount, idleBefore: decision.idleBefore, client: operation.client,
            from: origin, at: now)
        guard !account.isDisabled else {
            try await connection.record(
                .accountRefused(
                    account.id, client: operation.client, phone: operation.identity.masked, from: origin, at: now))
            return .accountDisabled
        }
        try await connection.begin(session, of: account.id, at: now)
        return .signedIn(operation.passed(account: account.id))
    }

    private func record(
        _ kind: SecurityEvent.Kind, phone: PhoneIdentity? = nil, client: ClientID? = nil, rule: String? = nil,
        _ reason: StaticString
    ) async throws {
        try await connection.record(
            SecurityEvent(
                kind, at: now, origin: origin, clientID: client?.rawValue, phone: phone?.masked, rule: rule,
                reason: reason))
    }
}

extension LiveOperation {
    fileprivate func isHeld(by holder: LinkHolder) -> Bool {
        switch holder {
        case .app(let client, let isFor):
            purpose == PhoneLoginPurpose.codeName && self.client == client && isFor(identity)
        case .browser(let digest): browser == digest.bytes
        }
    }
}

extension PhoneIdentity {
    var masked: String {
        PhoneNumber(trusted: number, region: "", lineType: .unknown).masked
    }
}
