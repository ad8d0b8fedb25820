import Accounts
import Cryptography
package import DeveloperLog
package import OAuth
package import PhoneLogin
import PhoneNumbers
package import RateLimiting
package import Time

extension SQLStore {
    package func guess(
        _ guess: PhoneGuess, charging charges: [LimitCharge], from origin: RequestOrigin, at now: Timestamp
    ) async throws -> PhoneGuessOutcome {
        try await engine.write { connection in
            let judge = GuessJudge(connection: connection, guess: guess, origin: origin, now: now)
            let operation = try await judge.liveOperation()
            if let operation { try await connection.lock(.number(operation.identity)) }
            if let refusal = try await connection.charge(charges, at: now) {
                return try await judge.limited(refusal)
            }
            guard let operation else { return try await judge.unknown() }
            return try await judge.judge(operation)
        }
    }
}

/// An operation that still runs, with its challenge.
struct LiveOperation {
    let challengeID: String
    let client: ClientID
    let device: String?
    let identity: PhoneIdentity
    let purpose: String
    let state: String
    let scope: Scope
    let redirectURI: String
    let redirectRequested: Bool
    let codeChallenge: CodeChallenge?
    let browser: [UInt8]?
    let continuation: [UInt8]?
    /// The answer to the link in the text.
    let isApproved: Bool?
    /// Of the number, ISO 3166-1 alpha-2.
    let region: String
    let nonce: String?
    let resources: Resources
    let keyThumbprint: String?
    /// Wrong ones so far.
    let guesses: Int

    fileprivate init(row: SQLRow) throws {
        challengeID = try row.text(0)
        client = ClientID(try row.text(1))
        let device = try row.text(2)
        self.device = device.isEmpty ? nil : device
        identity = PhoneIdentity(rawValue: try row.text(3))
        purpose = try row.text(4)
        state = try row.text(5)
        scope = Scope(try row.text(6)) ?? .empty
        redirectURI = try row.text(7)
        redirectRequested = try row.integer(8) != 0
        codeChallenge = try row.optionalText(9).flatMap { CodeChallenge($0) }
        browser = try row.optionalBlob(10)
        continuation = try row.optionalBlob(11)
        isApproved = try row.optionalInteger(12).map { $0 != 0 }
        region = try row.text(13)
        nonce = try row.optionalText(14)
        resources = Resources(text: try row.text(15))
        keyThumbprint = try row.optionalText(16)
        guesses = Int(try row.integer(17))
    }
}

extension SQLConnection {
    func liveOperation(_ id: String, at now: Timestamp) async throws -> LiveOperation? {
        try await first(
            """
            SELECT c.id, c.client_id, c.device, c.number, c.purpose, o.state, o.scope, o.redirect_uri,
                o.redirect_requested, o.code_challenge, o.browser, o.continuation, o.link_approved,
                c.region, o.nonce, o.resources, o.key_thumbprint, c.guesses
            FROM phone_operation o JOIN phone_challenge c ON c.id = o.challenge_id
            WHERE o.id = \(id) AND c.expires_at > \(now)
            """
        ).map(LiveOperation.init)
    }

    /// Takes the code for this act. False when another one finished it since the operation was looked at.
    func hold(_ operation: LiveOperation) async throws -> Bool {
        try await run("UPDATE phone_challenge SET guesses = guesses WHERE id = \(operation.challengeID)") == 1
    }

    /// The code and every operation it was texted for are dead from here on, whatever comes next. The act holds the
    /// code: it counted a guess at it, or asked to `hold` it.
    func finish(_ operation: LiveOperation) async throws { try await drop(challenge: operation.challengeID) }
}

/// A code that somebody typed, and what it counts against.
struct CodeGuess {
    let code: String
    let maxGuesses: Int
    let codeSeal: CodeSeal
    /// Of the number, over all its operations.
    let budget: LimitCharge?
}

enum CodeVerdict {
    case right
    case wrong(isLast: Bool)
    /// Nothing was compared.
    case exhausted
    /// Another guess was right meanwhile.
    case finished
    case limited(LimitRefusal)
}

extension SQLConnection {
    /// Counted first, in a statement of its own, compared after.
    func count(_ guess: CodeGuess, at operation: LiveOperation, at now: Timestamp) async throws -> CodeVerdict {
        if let budget = guess.budget, let refusal = try await charge([budget], at: now) { return .limited(refusal) }
        let counted = try await first(
            """
            UPDATE phone_challenge SET guesses = guesses + 1
            WHERE id = \(operation.challengeID) AND guesses < \(guess.maxGuesses)
            RETURNING guesses, code
            """)
        guard let counted else {
            // Nothing was compared, so the number's budget is not touched either.
            if let budget = guess.budget { try await refund(budget) }
            let isLive = try await first("SELECT 1 FROM phone_challenge WHERE id = \(operation.challengeID)") != nil
            return isLive ? .exhausted : .finished
        }
        let code = try counted.blob(1)
        guard guess.codeSeal.matches(guess.code, sealed: code, challenge: operation.challengeID) else {
            let isLast = Int(try counted.integer(0)) >= guess.maxGuesses
            if isLast { try await dropMessages(ofChallenge: operation.challengeID) }
            return .wrong(isLast: isLast)
        }
        if let budget = guess.budget { try await refund(budget) }
        return .right
    }
}

/// One guess at a sign-in, inside its transaction.
private struct GuessJudge {
    let connection: any SQLConnection
    let guess: PhoneGuess
    let origin: RequestOrigin
    let now: Timestamp

    /// A code opens only what it was texted for: of this client, this number, this purpose, this key, and in the
    /// browser that began.
    func liveOperation() async throws -> LiveOperation? {
        guard let operation = try await connection.liveOperation(guess.operationID, at: now),
            operation.client == guess.client, guess.isFor(operation.identity), operation.isApproved != false,
            operation.keyThumbprint == nil || operation.keyThumbprint == guess.keyThumbprint
        else { return nil }
        switch guess.reward {
        case .authorizationCode: return operation.purpose == PhoneLoginPurpose.codeName ? operation : nil
        case .session(_, let browser): return operation.browser == browser.bytes ? operation : nil
        }
    }

    func judge(_ operation: LiveOperation) async throws -> PhoneGuessOutcome {
        switch guess.proof {
        case .approvedLink:
            return operation.isApproved == true ? try await passByLink(operation) : try await unknown()
        case .code(let code, let approval):
            if operation.isApproved == true, let approval,
                equalInConstantTime(Array(approval.utf8), Array(code.utf8))
            {
                return try await passByLink(operation)
            }
            return try await judge(code, at: operation)
        }
    }

    /// Of two polls that find the same yes, one signs in.
    private func passByLink(_ operation: LiveOperation) async throws -> PhoneGuessOutcome {
        try await connection.hold(operation) ? try await pass(operation) : try await unknown()
    }

    private func judge(_ text: String, at operation: LiveOperation) async throws -> PhoneGuessOutcome {
        let verdict = try await connection.count(
            CodeGuess(
                code: text, maxGuesses: guess.maxGuesses, codeSeal: guess.codeSeal,
                budget: guess.budget(operation.identity, operation.device)), at: operation, at: now)
        switch verdict {
        case .right: return try await pass(operation)
        case .limited(let refusal): return try await limited(refusal)
        case .exhausted: return .exhausted
        case .finished: return try await unknown()
        case .wrong(let isLast):
            try await record(
                .guessWrong, rule: .guessesPerOperation, reason: isLast ? "wrong code, no guess left" : "wrong code")
            return isLast ? .exhausted : .wrong
        }
    }

    private func pass(_ operation: LiveOperation) async throws -> PhoneGuessOutcome {
        try await connection.finish(operation)
        let outcome = try await reward(operation)
        try await connection.credit(operation, guess.confirmed)
        return outcome
    }

    private func reward(_ operation: LiveOperation) async throws -> PhoneGuessOutcome {
        let account = try await connection.provenAccount(
            operation.identity, new: guess.newAccount, idleBefore: guess.idleBefore, client: guess.client, from: origin,
            at: now)
        guard !account.isDisabled else {
            try await connection.record(
                .accountRefused(account.id, client: guess.client, phone: masked, from: origin, at: now))
            return .accountDisabled(operation.browser == nil ? operation.appLogin : nil)
        }
        switch guess.reward {
        case .authorizationCode(let digest, let grant, let expiresAt):
            try await connection.insert(
                Grant(
                    id: grant, account: account.id, client: guess.client, scope: operation.scope,
                    resources: operation.resources, authenticatedAt: now, methods: .textedCode),
                expiresAt: expiresAt)
            try await connection.send(
                """
                INSERT INTO authorization_code
                    (digest, grant_id, client_id, redirect_uri, redirect_requested, code_challenge, key_thumbprint,
                    nonce, expires_at)
                VALUES (\(digest), \(grant), \(guess.client), \(operation.redirectURI),
                    \(operation.redirectRequested), \(operation.codeChallenge),
                    \(operation.keyThumbprint ?? guess.keyThumbprint),
                    \(operation.nonce), \(expiresAt))
                """)
        case .session(let session, _):
            try await connection.begin(session, of: account.id, at: now)
        }
        return .passed(operation.passed(account: account.id))
    }

    func limited(_ refusal: LimitRefusal) async throws -> PhoneGuessOutcome {
        try await connection.record(
            SecurityEvent(
                .guessRefused, at: now, origin: origin, clientID: guess.client.rawValue, phone: masked,
                rule: refusal.name.rawValue, reason: "limit reached", retryAfterSeconds: refusal.retryAfterSeconds))
        return .limited(refusal)
    }

    func unknown() async throws -> PhoneGuessOutcome {
        try await record(
            .operationUnknown, rule: nil, reason: "unknown, expired, finished, or of another client or number")
        return .unknown
    }

    private func record(_ kind: SecurityEvent.Kind, rule: LimitName?, reason: StaticString) async throws {
        try await connection.record(
            SecurityEvent(
                kind, at: now, origin: origin, clientID: guess.client.rawValue, phone: masked, rule: rule?.rawValue,
                reason: reason))
    }

    /// Of a guess that does not name its number, the developer log knows the operation's earlier lines.
    private var masked: String? {
        guess.number.map { PhoneNumber(trusted: $0, region: "", lineType: .unknown).masked }
    }
}

extension SQLStore {
    package func appLogin(
        _ id: String, of client: ClientID, maxGuesses: Int, at now: Timestamp
    ) async throws -> AppLogin? {
        try await engine.read { connection in
            guard let operation = try await connection.liveOperation(id, at: now), operation.client == client,
                operation.purpose == PhoneLoginPurpose.codeName, operation.guesses < maxGuesses
            else { return nil }
            return operation.appLogin
        }
    }
}

extension LiveOperation {
    var appLogin: AppLogin {
        AppLogin(
            number: identity.number, device: device, state: state, scope: scope, resources: resources,
            redirectURI: redirectRequested ? redirectURI : nil, codeChallenge: codeChallenge, nonce: nonce,
            keyThumbprint: keyThumbprint)
    }

    func passed(account: AccountID) -> PassedOperation {
        PassedOperation(
            account: account, identity: identity,
            continuation: browser == nil ? .redirect(uri: redirectURI, state: state) : .session(request: continuation))
    }
}

extension [AuthenticationMethod] {
    /// A code or link texted to the person's number.
    static let textedCode: Self = [.oneTimePassword, .sms]
}

extension SecurityEvent {
    static func accountRefused(
        _ account: AccountID, client: ClientID, phone: String?, from origin: RequestOrigin, at now: Timestamp
    ) -> SecurityEvent {
        SecurityEvent(
            .accountRefused, at: now, origin: origin, clientID: client.rawValue, accountID: account.rawValue,
            phone: phone, reason: "right code, but the account is disabled")
    }
}
