import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// One thread that waits for sockets and runs what belongs to them.
///
/// It is the executor of the pool and of its connections: an act, the library's calls and the answers all run here
/// one after another, without locks and without a hop from thread to thread. Nothing on it may block.
final class EventLoop: SerialExecutor {
    enum Interest { case reading, writing }

    private enum Work {
        case job(UnownedJob)
        case closure(@Sendable () -> Void)
    }

    private struct Inbox {
        var work: [Work] = []
        var isAsleep = false
        var isStopped = false
    }

    private struct Watch {
        let interest: Interest
        let deadline: ContinuousClock.Instant?
        /// Told whether the socket is ready; otherwise its time is up.
        let handler: (Bool) -> Void
    }

    private let inbox = Mutex(Inbox())
    private let bell: (read: Int32, write: Int32)
    // Only the loop's thread touches these.
    nonisolated(unsafe) private var thread: pthread_t?
    nonisolated(unsafe) private var watches: [Int32: Watch] = [:]
    nonisolated(unsafe) private var alarm: (due: ContinuousClock.Instant, action: () -> Void)?

    /// Starts the thread. It ends with `stop`.
    init() {
        var ends: [Int32] = [-1, -1]
        precondition(unsafe pipe(&ends) == 0, "a process that cannot make a pipe cannot serve")
        for end in ends {
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
        bell = (ends[0], ends[1])
        let context = unsafe Unmanaged.passRetained(self).toOpaque()
        #if canImport(Glibc)
            var thread = pthread_t()
        #else
            var thread: pthread_t?
        #endif
        let result = unsafe pthread_create(
            &thread, nil,
            { context in
                #if canImport(Glibc)
                    guard let context = unsafe context else { return nil }
                #endif
                let loop = unsafe Unmanaged<EventLoop>.fromOpaque(context).takeRetainedValue()
                loop.run()
                return nil
            }, context)
        precondition(result == 0, "a process that cannot make a thread cannot serve")
    }

    deinit {
        close(bell.read)
        close(bell.write)
    }

    func enqueue(_ job: consuming ExecutorJob) { add(.job(UnownedJob(job))) }

    /// Runs a closure on the loop's thread, soon.
    func perform(_ closure: @escaping @Sendable () -> Void) { add(.closure(closure)) }

    func stop() {
        inbox.withLock { $0.isStopped = true }
        perform {}
    }

    func checkIsolated() {
        precondition(isOnThread, "the state of connections belongs to the loop's thread")
    }

    private var isOnThread: Bool { unsafe thread.map { pthread_equal($0, pthread_self()) != 0 } ?? false }

    private func add(_ work: Work) {
        let mustRing = inbox.withLock { inbox in
            inbox.work.append(work)
            defer { inbox.isAsleep = false }
            return inbox.isAsleep
        }
        if mustRing { _ = unsafe write(bell.write, [1], 1) }
    }
}

// MARK: - On the loop's thread

extension EventLoop {
    /// Calls `handler` once: with true when the socket is ready, with false when it is not by the deadline. A socket has
    /// one watch: a new one takes the old one's place.
    func watch(
        _ socket: Int32, for interest: Interest, until deadline: ContinuousClock.Instant? = nil,
        handler: @escaping (Bool) -> Void
    ) {
        unsafe watches[socket] = Watch(interest: interest, deadline: deadline, handler: handler)
    }

    func unwatch(_ socket: Int32) { unsafe watches[socket] = nil }

    /// Calls `action` once at that time. There is one alarm.
    func setAlarm(at due: ContinuousClock.Instant, _ action: @escaping () -> Void) {
        unsafe alarm = (due, action)
    }

    private func run() {
        unsafe thread = pthread_self()
        while true {
            let (work, isStopped) = inbox.withLock { inbox in
                defer { inbox.work = [] }
                inbox.isAsleep = inbox.work.isEmpty && !inbox.isStopped
                return (inbox.work, inbox.isStopped)
            }
            for piece in work {
                switch piece {
                case .job(let job): unsafe job.runSynchronously(on: asUnownedSerialExecutor())
                case .closure(let closure): closure()
                }
            }
            if isStopped, work.isEmpty { return }
            ringAlarms()
            poll(forAtMost: work.isEmpty ? timeout() : 0)
        }
    }

    /// Milliseconds until the first alarm or deadline; -1: for ever.
    private func timeout() -> Int32 {
        let deadlines = unsafe watches.values.compactMap(\.deadline)
        guard let due = unsafe (deadlines + [alarm?.due].compactMap(\.self)).min() else { return -1 }
        let left = due - .now
        // Rounded up: an alarm that is a little early would be asked about again at once.
        return Int32(clamping: Int64(max(0, left / .milliseconds(1)).rounded(.up)))
    }

    private func ringAlarms() {
        let now = ContinuousClock.now
        if let set = unsafe alarm, set.due <= now {
            unsafe alarm = nil
            set.action()
        }
        for (socket, watch) in unsafe watches where watch.deadline.map({ $0 <= now }) ?? false {
            unsafe watches[socket] = nil
            watch.handler(false)
        }
    }

    private func poll(forAtMost milliseconds: Int32) {
        var sockets = [pollfd(fd: bell.read, events: Int16(POLLIN), revents: 0)]
        for (socket, watch) in unsafe watches {
            // Whoever writes must also read, or both ends wait for room.
            let events = watch.interest == .writing ? POLLIN | POLLOUT : POLLIN
            sockets.append(pollfd(fd: socket, events: Int16(events), revents: 0))
        }
        let count = unsafe sockets.withUnsafeMutableBufferPointer { buffer in
            #if canImport(Glibc)
                unsafe Glibc.poll(buffer.baseAddress, nfds_t(buffer.count), milliseconds)
            #else
                unsafe Darwin.poll(buffer.baseAddress, nfds_t(buffer.count), milliseconds)
            #endif
        }
        inbox.withLock { $0.isAsleep = false }
        guard count > 0 else { return }
        if sockets[0].revents != 0 { silenceBell() }
        for socket in sockets.dropFirst() where socket.revents != 0 {
            unsafe watches.removeValue(forKey: socket.fd)?.handler(true)
        }
    }

    private func silenceBell() {
        var bytes = [UInt8](repeating: 0, count: 64)
        while unsafe read(bell.read, &bytes, bytes.count) == bytes.count {}
    }
}
