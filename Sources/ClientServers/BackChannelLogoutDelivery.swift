import Accounts
package import Cryptography
package import Logging
package import OAuth
import ServiceLifecycle
package import Time

/// Tells clients that sessions are over (OpenID Connect Back-Channel Logout §2.5): soon after, again while they do not
/// answer, and at start whatever an earlier process left behind.
///
/// No sign-out waits for it, and a client that is slow or down keeps no other waiting.
package struct BackChannelLogoutDelivery: Service {
    private let store: any LogoutNoticeStore
    private let client: @Sendable (ClientID) async throws -> Client?
    private let tokens: LogoutTokenIssuer
    private let post: any LogoutTokenPost
    private let clock: WallClock
    private let entropy: Entropy
    private let logger: Logger

    /// For one attempt, from the connection to the end of the answer.
    static let timeoutSeconds = 5
    /// Longer than an attempt, so that no two nodes send one notice at once, and not much: what a killed process had
    /// claimed waits for it.
    static let leaseSeconds = timeoutSeconds + 3
    static let retrySeconds = 3600
    private static let longestPauseSeconds = 600

    /// Of one claim. A client may have this many under way before a claim, so twice as many after it at most.
    private static let batch = 8
    private static let total = 512
    private static let look = Duration.milliseconds(500)

    /// - Parameter client: finds a client; `nil` when it is not registered any more.
    package init(
        store: any LogoutNoticeStore, client: @escaping @Sendable (ClientID) async throws -> Client?,
        tokens: LogoutTokenIssuer, post: any LogoutTokenPost, clock: WallClock, entropy: Entropy, logger: Logger
    ) {
        self.store = store
        self.client = client
        self.tokens = tokens
        self.post = post
        self.clock = clock
        self.entropy = entropy
        self.logger = logger
    }

    /// At the end it comes back when the clients that were being told have answered.
    package func run() async throws {
        let (rings, bell) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        await withDiscardingTaskGroup { group in
            group.addTask {
                await cancelWhenGracefulShutdown {
                    while !Task.isCancelled {
                        bell.yield()
                        try? await Task.sleep(for: Self.look)
                    }
                }
            }
            let lanes = ClientLanes(width: Self.batch, total: Self.total)
            for await _ in rings.cancelOnGracefulShutdown() {
                while !lanes.isFull {
                    let claimed = await claim(butFor: lanes.full)
                    for notice in claimed {
                        lanes.enter(notice.client)
                        group.addTask {
                            await deliver(notice)
                            if lanes.leave(notice.client) { bell.yield() }
                        }
                    }
                    if claimed.count < Self.batch { break }
                }
            }
        }
    }

    private func claim(butFor clients: Set<ClientID>) async -> [LogoutNotice] {
        let now = clock.now()
        do {
            return try await store.claimLogoutNotices(
                atMost: Self.batch, butFor: clients, leaseUntil: now.adding(seconds: Self.leaseSeconds), at: now)
        } catch {
            logger.error("logout notices could not be read", metadata: ["cause": "\(type(of: error))"])
            return []
        }
    }

    private func deliver(_ notice: LogoutNotice) async {
        let outcome = await send(notice)
        do {
            try await store.record(outcome, of: notice, at: clock.now())
        } catch {
            // Its lease runs out and it is sent again: repeated, not lost.
            logger.error("a logout notice could not be recorded", metadata: ["cause": "\(type(of: error))"])
        }
    }

    private func send(_ notice: LogoutNotice) async -> LogoutNoticeOutcome {
        do {
            guard let client = try await client(notice.client), let uri = client.backchannelLogoutURI else {
                return .unwanted
            }
            let token = try tokens.issue(for: notice, to: client, at: clock.now())
            // §2.5. base64url needs no percent-encoding.
            let status = await post.post(
                "logout_token=\(token)", to: uri, of: client, within: Self.timeoutSeconds)
            switch status {
            case .some(200..<300): return .delivered
            // §2.8: the client understood, and will not do it. Asking again changes nothing.
            case 400: return .failed(.refused, status: 400)
            default: return nextTry(of: notice, status: status)
            }
        } catch {
            logger.error(
                "a logout token could not be made",
                metadata: ["client": "\(notice.client.rawValue)", "cause": "\(type(of: error))"])
            return nextTry(of: notice, status: nil)
        }
    }

    /// Doubling from one second, give or take a half so that notices that failed together do not come back together.
    private func nextTry(of notice: LogoutNotice, status: Int?) -> LogoutNoticeOutcome {
        let now = clock.now()
        let pause = min(1000 << min(notice.attempt - 1, 20), Self.longestPauseSeconds * 1000)
        let jitter = Int(entropy.bytes(2).reduce(0) { $0 << 8 | UInt32($1) }) * pause / 65_536
        let retry = now.adding(milliseconds: Int64(pause / 2 + jitter))
        return retry < notice.queuedAt.adding(seconds: Self.retrySeconds)
            ? .retry(at: retry) : .failed(.unreachable, status: status)
    }
}

/// It holds the keys, and the libraries that run services print them.
extension BackChannelLogoutDelivery: CustomStringConvertible, CustomReflectable {
    package var description: String { "BackChannelLogoutDelivery" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
