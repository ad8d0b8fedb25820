import CPostgres
import Storage

/// One connection, in libpq's pipeline mode: commands leave without waiting for the answers to those before them, and
/// answers come in the order of the commands.
///
/// An act's `BEGIN` travels with its first statement, what it only sends with what it waits for next: an act costs one
/// round trip for every answer that it looks at, and one for its end.
@safe actor PostgresConnection {
    enum Command {
        /// Nobody waits for its answer; it only must not be an error.
        case silent
        /// Makes a statement known under its name; `nil`: for this once.
        case preparation(of: SQLTemplate?)
        case wanted
        /// The end of a row of commands: after a failure the server skips everything up to here.
        case synchronization
    }

    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    // Only the loop's thread calls libpq with it; the last user ends it, when nobody else can.
    nonisolated(unsafe) private let handle: OpaquePointer
    private let socket: Int32
    private let canceller: Canceller
    private var statementNames: [SQLTemplate: String] = [:]
    private var lastStatement = 0
    private var unanswered = Queue<Command>()
    /// Why the commands since the last synchronization fail.
    private var failure: PostgresFailure?
    private(set) var isLost = false

    /// How long the server may say nothing while it is asked something; `nil`: as long as it likes.
    var patience: Duration?

    /// What the transaction under way is to end with.
    var conclusions: [(statement: SQLStatement, key: Int64)] = []
    /// Which transaction it is, for cancellations that come too late.
    var transactionNumber = 0
    var isEnding = false
    /// The server is being told. It may hear of it at any time from now on, so no other act gets this connection.
    private(set) var isBeingCancelled = false

    /// Statements of the program differ by the lengths of their lists alone, so they are few; beyond so many they are
    /// prepared each time.
    private static let maximumStatements = 1000

    /// - Parameter handle: an established connection, which is this object's from now on.
    init(_ handle: OpaquePointer, patience: Duration, loop: EventLoop) {
        unsafe self.handle = handle
        self.patience = patience
        self.loop = loop
        socket = unsafe PQsocket(handle)
        canceller = unsafe Canceller(handle)
    }

    deinit { unsafe PQfinish(handle) }
}

// MARK: - Commands and answers

extension PostgresConnection {
    /// Puts a statement, prepared before or now, into the pipeline.
    func post(_ statement: SQLStatement, _ command: Command) throws {
        guard !isLost else { throw PostgresFailure.connectionLost }
        let name = try statement.template.flatMap { statementNames[$0] } ?? prepare(statement)
        let parameters = BinaryParameters(statement.values)
        let isSent = unsafe parameters.withPointers { values, lengths, formats in
            unsafe PQsendQueryPrepared(
                handle, name, Int32(statement.values.count), values, lengths, formats, 1)
        }
        guard isSent == 1 else { throw lose() }
        unanswered.append(command)
    }

    private func prepare(_ statement: SQLStatement) throws -> String {
        // The unnamed statement lasts until the next of its kind.
        let template = statementNames.count < Self.maximumStatements ? statement.template : nil
        if template != nil { lastStatement += 1 }
        let name = template == nil ? "" : "denwa\(lastStatement)"
        let types = statement.values.map(\.typeID)
        let text = RowLockClause.spelledOut(in: statement.text)
        guard unsafe PQsendPrepare(handle, name, text, Int32(types.count), types) == 1 else { throw lose() }
        unanswered.append(.preparation(of: template))
        if let template { statementNames[template] = name }
        return name
    }

    func synchronize() throws {
        guard !isLost, unsafe PQpipelineSync(handle) == 1 else { throw lose() }
        unanswered.append(.synchronization)
    }

    func answer(to statement: SQLStatement) async throws -> CommandResult {
        try Task.checkCancellation()
        try post(statement, .wanted)
        guard unsafe PQsendFlushRequest(handle) == 1 else { throw lose() }
        try await flush()
        while let command = unanswered.first {
            let result = try await nextAnswer(to: command)
            guard case .wanted = command else { continue }
            if let failure { throw failure }
            guard let result else { throw lose() }
            return result
        }
        throw lose()
    }

    /// Reads every answer that is due, and throws what failed last.
    func readAnswers() async throws {
        var last: PostgresFailure?
        while let command = unanswered.first {
            let before = failure
            _ = try await nextAnswer(to: command)
            if case .synchronization = command { last = before } else { last = failure }
        }
        if let last { throw last }
    }

    /// Waits for the answer to the oldest command, and notes its failure.
    private func nextAnswer(to command: Command) async throws -> CommandResult? {
        while unsafe PQisBusy(handle) == 1 {
            // TLS may have taken more from the socket than libpq has read, and then the socket stays silent.
            if unsafe PQsslInUse(handle) == 1, unsafe PQconsumeInput(handle) == 1, unsafe PQisBusy(handle) == 0 {
                break
            }
            try await readMore()
        }
        return try take(command)
    }

    /// The answer to the oldest command, which is there already.
    private func take(_ command: Command) throws -> CommandResult? {
        guard let pointer = unsafe PQgetResult(handle) else { throw lose() }
        let result = unsafe CommandResult(pointer)
        _ = unanswered.removeFirst()
        switch result.status {
        case PGRES_PIPELINE_SYNC:
            failure = nil
            return nil
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK: return try finish(result)
        case PGRES_PIPELINE_ABORTED: failure = failure ?? .connectionLost
        default:
            guard unsafe PQstatus(handle) == CONNECTION_OK, !result.sqlState.isEmpty else { throw lose() }
            let refusal = PostgresFailure.refused(sqlState: result.sqlState)
            failure = failure ?? refusal
            if refusal.endsConnection { isLost = true }
        }
        // Refused or skipped: nothing has that name.
        if case .preparation(let template?) = command { statementNames[template] = nil }
        return try finish(result)
    }

    /// Every command's answers end with none. It is there already.
    private func finish(_ result: CommandResult) throws -> CommandResult {
        guard unsafe PQgetResult(handle) == nil else { throw lose() }
        return result
    }

    func flush() async throws {
        while true {
            switch unsafe PQflush(handle) {
            case 0: return
            case 1:
                try await readiness(for: .writing)
                // The server may be waiting to be read before it reads on.
                guard unsafe PQconsumeInput(handle) == 1 else { throw lose() }
            default: throw lose()
            }
        }
    }

    private func readMore() async throws {
        try await readiness(for: .reading)
        guard unsafe PQconsumeInput(handle) == 1 else { throw lose() }
    }

    /// A server that is gone without a word, or hangs, keeps none of its own timeouts: then the connection is lost.
    private func readiness(for interest: EventLoop.Interest) async throws {
        let deadline = patience.map { ContinuousClock.now + $0 }
        let isReady = await withCheckedContinuation { continuation in
            loop.watch(socket, for: interest, until: deadline) { continuation.resume(returning: $0) }
        }
        guard isReady else { throw lose() }
    }

    /// Marks the connection as useless, and says why.
    private func lose() -> PostgresFailure {
        isLost = true
        return failure.flatMap { $0.endsConnection ? $0 : nil } ?? .connectionLost
    }
}

// MARK: - Between acts

extension PostgresConnection {
    /// Reads what is left of the last act, and hears when the server goes away.
    func rest(whenLost: @escaping @Sendable () -> Void) {
        loop.watch(socket, for: .reading) { [weak self] _ in
            self?.assumeIsolated { connection in
                connection.readLeftovers()
                if connection.isLost { whenLost() } else { connection.rest(whenLost: whenLost) }
            }
        }
    }

    func endRest() { loop.unwatch(socket) }

    /// It ends when nobody uses it any more, with all that the session holds.
    func retire() { isLost = true }

    /// Some work on the schema takes its time.
    func waitForEver() { patience = nil }

    private func readLeftovers() {
        guard unsafe PQconsumeInput(handle) == 1 else {
            isLost = true
            return
        }
        while let command = unanswered.first, unsafe PQisBusy(handle) == 0 {
            if (try? take(command)) == nil, isLost { return }
        }
    }
}

// MARK: - Cancellation

extension PostgresConnection {
    /// Asks the server to give up the statement that runs. A transaction that is ending is left to end: nobody could
    /// tell what a cancelled commit did.
    func cancel(transaction number: Int) {
        guard number == transactionNumber, !isEnding, !isBeingCancelled, !isLost else { return }
        isBeingCancelled = true
        canceller.cancel()
    }
}
