import Storage

extension PostgresConnection: SQLConnection {
    func rows(_ statement: SQLStatement) async throws -> [SQLRow] { try await answer(to: statement).rows() }

    @discardableResult
    func run(_ statement: SQLStatement) async throws -> Int { try await answer(to: statement).changedRows }

    func send(_ statement: SQLStatement) async throws { try post(statement, .silent) }

    func lock(_ key: Int64) async throws { try post("SELECT pg_advisory_xact_lock(\(key))", .silent) }

    func conclude(_ statement: SQLStatement, under key: Int64) async throws {
        conclusions.append((statement, key))
    }
}

extension PostgresConnection {
    /// Runs an act, and returns when its changes are on disk.
    func write<Result: Sendable>(_ act: SQLAct<Result>) async throws -> Result {
        try await transaction(beginning: "BEGIN", isEndAwaited: true) {
            let result = try await act(self)
            // Last of all, so that whoever waits for the same keys waits for this commit and nothing else.
            for (statement, key) in conclusions {
                try await lock(key)
                try post(statement, .silent)
            }
            return result
        }
    }

    /// There is nothing to make durable, so nobody waits for the end: the next act finds its answer before its own.
    func read<Result: Sendable>(_ act: SQLAct<Result>) async throws -> Result {
        try await transaction(
            beginning: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", isEndAwaited: false
        ) { try await act(self) }
    }

    private func transaction<Result: Sendable>(
        beginning: SQLStatement, isEndAwaited: Bool, _ body: () async throws -> Result
    ) async throws -> Result {
        transactionNumber += 1
        isEnding = false
        conclusions = []
        let (number, loop) = (transactionNumber, loop)
        do {
            return try await withTaskCancellationHandler {
                try post(beginning, .silent)
                let result = try await body()
                isEnding = true
                // It could still meet the commit, and end its wait for a standby.
                if isBeingCancelled { throw CancellationError() }
                try await commit(isAwaited: isEndAwaited)
                return result
            } onCancel: {
                loop.perform { self.assumeIsolated { $0.cancel(transaction: number) } }
            }
        } catch {
            isEnding = true
            if isBeingCancelled { retire() }
            try? await rollBack()
            throw error as? PostgresFailure == .cancelled && Task.isCancelled ? CancellationError() : error
        }
    }

    private func commit(isAwaited: Bool) async throws {
        do {
            try post("COMMIT", .silent)
            try synchronize()
            try await flush()
            if isAwaited { try await readAnswers() }
        } catch  where isAwaited && isLost {
            throw PostgresFailure.outcomeUnknown
        }
    }

    private func rollBack() async throws {
        guard !isLost else { return }
        // Something that nobody waited for may have failed: then the server takes nothing before the synchronization.
        try synchronize()
        try post("ROLLBACK", .silent)
        try synchronize()
        try await flush()
        // Until its locks are free and its names are settled, nobody else is served here.
        try await readAnswers()
    }
}

// MARK: - Outside a transaction

extension PostgresConnection {
    /// Statements that must not be in a transaction, and those that take a connection's own settings or locks.
    @discardableResult
    func runAlone(_ statement: SQLStatement) async throws -> [SQLRow] {
        do {
            let result = try await answer(to: statement)
            try synchronize()
            try await flush()
            try await readAnswers()
            return try result.rows()
        } catch {
            if !isLost {
                try synchronize()
                try await flush()
                try? await readAnswers()
            }
            throw error
        }
    }
}
