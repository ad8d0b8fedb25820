package import Cryptography
import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// Computes and checks password hashes on threads of its own: as many at once as its memory allows, the others
/// in a queue of bounded length.
///
/// The threads stand back when the processors are busy, so that people who sign in by phone do not wait for
/// those who sign in by password.
package final class PasswordHashing: Sendable {
    package enum Failure: Error, Sendable, Equatable {
        /// The queue is full.
        case busy(retryAfterSeconds: Int)
    }

    /// What a check came to.
    package enum Verdict: Sendable {
        case wrong
        /// With the hash to keep from now on, if the stored one is weaker than today's.
        case right(rehashed: PasswordHash?)
    }

    private let entropy: Entropy
    private let memory: Int
    private let maximumWaiting: Int
    private let threads: NIOThreadPool
    private let state = Mutex(State())
    /// What a wrong password is checked against when there is nothing to check.
    private let decoy: StoredPassword

    private struct State {
        var inUse = 0
        var waiting: [(memory: Int, go: CheckedContinuation<Bool, Never>)] = []
    }

    /// - Parameters:
    ///   - memory: bytes that all hashes under way may take together; one may always run.
    ///   - maximumWaiting: how many may wait for their turn.
    package init(memory: Int, maximumWaiting: Int, threads: Int, entropy: Entropy) {
        self.entropy = entropy
        self.memory = memory
        self.maximumWaiting = maximumWaiting
        self.threads = NIOThreadPool(numberOfThreads: max(1, min(threads, memory / ScryptParameters.standard.memory)))
        self.threads.start()
        decoy = .own(PasswordHash.decoy(entropy: entropy))
    }

    package func hash(_ password: String) async throws(Failure) -> PasswordHash {
        let entropy = entropy
        return try await run(taking: ScryptParameters.standard.memory) {
            PasswordHash.make(password: password, entropy: entropy)
        }
    }

    /// Takes as long without a stored password as with one.
    package func check(_ password: String, against stored: StoredPassword?) async throws(Failure) -> Verdict {
        let (entropy, decoy) = (entropy, decoy)
        // What is right and weaker than today's is hashed anew in the same turn.
        let memory = max((stored ?? decoy).memory, ScryptParameters.standard.memory)
        return try await run(taking: memory) {
            guard let stored else {
                _ = decoy.verify(password)
                return .wrong
            }
            guard stored.verify(password) else { return .wrong }
            return .right(
                rehashed: stored.needsRehash ? PasswordHash.make(password: password, entropy: entropy) : nil)
        }
    }

    private func run<Value: Sendable>(
        taking bytes: Int, _ work: @escaping @Sendable () -> Value
    ) async throws(Failure) -> Value {
        try await enter(bytes)
        let value = try? await threads.runIfActive {
            standBack()
            return work()
        }
        leave(bytes)
        // The pool ends with the process only.
        guard let value else { throw .busy(retryAfterSeconds: 1) }
        return value
    }

    private func enter(_ bytes: Int) async throws(Failure) {
        enum Turn { case now, later, never }
        let turn = state.withLock { state -> Turn in
            if state.waiting.isEmpty, state.inUse == 0 || state.inUse + bytes <= memory {
                state.inUse += bytes
                return .now
            }
            return state.waiting.count < maximumWaiting ? .later : .never
        }
        switch turn {
        case .now: return
        case .never: throw .busy(retryAfterSeconds: 2)
        case .later:
            let isIn = await withCheckedContinuation { continuation in
                let answer = state.withLock { state -> Bool? in
                    // Somebody may have left in between, or come.
                    if state.waiting.isEmpty, state.inUse == 0 || state.inUse + bytes <= memory {
                        state.inUse += bytes
                        return true
                    }
                    guard state.waiting.count < maximumWaiting else { return false }
                    state.waiting.append((bytes, continuation))
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
            guard isIn else { throw .busy(retryAfterSeconds: 2) }
        }
    }

    private func leave(_ bytes: Int) {
        let next = state.withLock { state -> [CheckedContinuation<Bool, Never>] in
            state.inUse -= bytes
            var next: [CheckedContinuation<Bool, Never>] = []
            while let first = state.waiting.first, state.inUse == 0 || state.inUse + first.memory <= memory {
                state.inUse += first.memory
                next.append(state.waiting.removeFirst().go)
            }
            return next
        }
        for continuation in next { continuation.resume(returning: true) }
    }

    deinit { threads.shutdownGracefully { _ in } }
}

/// Gives this thread a tenth of a busy processor's share (Linux keeps the value for each thread).
private func standBack() {
    #if canImport(Glibc)
        _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 10)
    #endif
}
