/// The connections of a process. Acts that find all of them busy wait in the order in which they came: so many, and
/// so long.
actor ConnectionPool {
    nonisolated let loop: EventLoop
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

    private struct Waiter {
        let number: Int
        let deadline: ContinuousClock.Instant
        let continuation: CheckedContinuation<PostgresConnection, any Error>
    }

    private let settings: PostgresSettings
    private let connector: Connector
    private var idle: [PostgresConnection] = []
    /// In use or idle.
    private var open = 0
    private var isConnecting = false
    private var waiters: [Waiter] = []
    private var lastNumber = 0
    /// Attempts to connect that failed in a row.
    private var failedAttempts = 0
    private var isClosed = false

    /// Waiting acts hold memory, and whoever waits behind so many has gone by the time it is their turn.
    private static let waitersPerConnection = 256
    private static let firstPause = Duration.milliseconds(50)
    private static let longestPause = Duration.seconds(1)

    init(_ settings: PostgresSettings, loop: EventLoop) {
        self.settings = settings
        self.loop = loop
        connector = Connector(settings, loop: loop)
    }

    /// Runs `work` on a connection that nobody else uses meanwhile.
    ///
    /// - Parameter wait: for how long one may be waited for; `nil`: as the settings say.
    func withConnection<Result: Sendable>(
        within wait: Duration? = nil, _ work: (PostgresConnection) async throws -> Result
    ) async throws -> Result {
        let connection = try await take(within: wait ?? settings.wait)
        do {
            let result = try await work(connection)
            giveBack(connection)
            return result
        } catch {
            giveBack(connection)
            throw error
        }
    }

    /// Connections at rest end now, those in use with their act.
    func close() {
        isClosed = true
        for waiter in waiters { waiter.continuation.resume(throwing: PostgresFailure.unreachable) }
        waiters = []
        drop(idle)
    }

    // MARK: Taking and giving back

    private func take(within wait: Duration) async throws -> PostgresConnection {
        try Task.checkCancellation()
        guard !isClosed else { throw PostgresFailure.unreachable }
        if let connection = takeIdle() { return connection }
        // The database is away: whoever asks now hears so at once. The connector goes on trying.
        guard open > 0 || failedAttempts == 0 else { throw PostgresFailure.unreachable }
        guard waiters.count < settings.connections * Self.waitersPerConnection else {
            throw PostgresFailure.overloaded
        }
        lastNumber += 1
        let number = lastNumber
        let loop = loop
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                waiters.append(
                    Waiter(number: number, deadline: .now + wait, continuation: continuation))
                setAlarm()
                connectIfNeeded()
            }
        } onCancel: {
            loop.perform { self.assumeIsolated { $0.abandon(number) } }
        }
    }

    private func takeIdle() -> PostgresConnection? {
        guard let connection = idle.popLast() else { return nil }
        connection.assumeIsolated { $0.endRest() }
        return connection
    }

    private func giveBack(_ connection: PostgresConnection) {
        guard !connection.assumeIsolated({ $0.isLost }), !isClosed else {
            open -= 1
            connectIfNeeded()
            return
        }
        handOut(connection)
    }

    /// To whoever has waited longest; else it rests.
    private func handOut(_ connection: PostgresConnection) {
        if !waiters.isEmpty {
            waiters.removeFirst().continuation.resume(returning: connection)
            return
        }
        idle.append(connection)
        connection.assumeIsolated { resting in
            resting.rest { [weak self, weak connection] in
                self?.assumeIsolated { pool in connection.map(pool.forget) }
            }
        }
    }

    private func abandon(_ number: Int) {
        guard let index = waiters.firstIndex(where: { $0.number == number }) else { return }
        waiters.remove(at: index).continuation.resume(throwing: CancellationError())
    }

    /// An idle connection ended by itself.
    private func forget(_ connection: PostgresConnection) {
        idle.removeAll { $0 === connection }
        open -= 1
    }

    private func drop(_ connections: [PostgresConnection]) {
        for connection in connections { connection.assumeIsolated { $0.endRest() } }
        open -= connections.count
        idle.removeAll { connection in connections.contains { $0 === connection } }
    }

    // MARK: Waiting

    private func setAlarm() {
        guard let deadline = waiters.lazy.map(\.deadline).min() else { return }
        loop.setAlarm(at: deadline) { [weak self] in self?.assumeIsolated { $0.refuseLate() } }
    }

    private func refuseLate() {
        let now = ContinuousClock.now
        for waiter in waiters where waiter.deadline <= now {
            waiter.continuation.resume(throwing: PostgresFailure.overloaded)
        }
        waiters.removeAll { $0.deadline <= now }
        setAlarm()
    }

    // MARK: Connecting

    private func connectIfNeeded() {
        let isWanted = !waiters.isEmpty || failedAttempts > 0
        guard isWanted, open < settings.connections, !isConnecting, !isClosed else { return }
        isConnecting = true
        connector.connect(after: pause) { [weak self] connection in
            self?.assumeIsolated { $0.finishConnecting(connection) }
        }
    }

    /// Grows with every failure, and with every node's own luck: all of them meet the database when it comes back.
    private var pause: Duration {
        guard failedAttempts > 0 else { return .zero }
        let longest = min(Self.firstPause * (1 << min(failedAttempts, 10)), Self.longestPause)
        return longest * Double.random(in: 0.5...1)
    }

    private func finishConnecting(_ connection: PostgresConnection?) {
        isConnecting = false
        guard let connection, !isClosed else {
            failedAttempts += 1
            if open == 0 {
                for waiter in waiters { waiter.continuation.resume(throwing: PostgresFailure.unreachable) }
                waiters = []
            }
            connectIfNeeded()
            return
        }
        failedAttempts = 0
        open += 1
        handOut(connection)
        connectIfNeeded()
    }
}
