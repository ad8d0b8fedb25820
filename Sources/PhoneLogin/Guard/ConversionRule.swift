package import RateLimiting
package import Time

/// What was counted of a subject: the window that runs and the one before it.
package struct Traffic: Sendable, Equatable {
    package let sent: Int
    package let confirmed: Int
    package let previousSent: Int
    package let previousConfirmed: Int
    /// When a throttled subject may have its next text.
    package let nextAt: Timestamp
    package let blockedUntil: Timestamp

    package init(
        sent: Int, confirmed: Int, previousSent: Int, previousConfirmed: Int, nextAt: Timestamp,
        blockedUntil: Timestamp
    ) {
        self.sent = sent
        self.confirmed = confirmed
        self.previousSent = previousSent
        self.previousConfirmed = previousConfirmed
        self.nextAt = nextAt
        self.blockedUntil = blockedUntil
    }
}

/// Texts that nobody confirms are what fraud and mistakes have in common: so many of them a subject may have in a
/// sliding window, and each confirmed one makes up for several that were not.
///
/// Real people confirm most of what they get, so their traffic earns more than it uses, however much it grows.
package struct ConversionRule: Sendable, Equatable {
    package let name: LimitName
    /// Of unconfirmed texts.
    package let limit: Limit
    /// For how many texts one confirmed one stands: 4 with a lowest conversion of 25 %.
    package let textsPerConfirmation: Int
    /// What reached its limit is blocked for this long; `nil`: it waits for the window to slide.
    package let blockSeconds: Int?

    package init(name: LimitName, limit: Limit, textsPerConfirmation: Int, blockSeconds: Int?) {
        self.name = name
        self.limit = limit
        self.textsPerConfirmation = textsPerConfirmation
        self.blockSeconds = blockSeconds
    }

    package enum Verdict: Sendable, Equatable {
        case allowed
        /// Allowed, as the one text that a throttled subject gets for now.
        case trickled(nextAt: Timestamp)
        case throttled(until: Timestamp)
        case exhausted(until: Timestamp)
        /// - Parameter isNew: whether this text was the one too many.
        case blocked(until: Timestamp, isNew: Bool)

        package var isBlocked: Bool {
            if case .blocked(_, isNew: false) = self { true } else { false }
        }
    }

    /// On a text that `traffic` already counts, or on what it counts so far.
    package func judge(_ traffic: Traffic, at now: Timestamp) -> Verdict {
        if now < traffic.blockedUntil { return .blocked(until: traffic.blockedUntil, isNew: false) }
        let unconfirmed = unconfirmed(traffic, at: now)
        if unconfirmed <= limit.count * Self.throttlePercent / 100 { return .allowed }
        guard unconfirmed <= limit.count else {
            if let blockSeconds { return .blocked(until: now.adding(seconds: blockSeconds), isNew: true) }
            return .exhausted(until: recovery(of: traffic, at: now))
        }
        return now < traffic.nextAt
            ? .throttled(until: traffic.nextAt)
            : .trickled(nextAt: now.adding(milliseconds: windowMilliseconds / Int64(limit.count)))
    }

    private static let throttlePercent = 80

    package var windowMilliseconds: Int64 { Int64(limit.windowSeconds) * 1000 }

    /// The running window's number, since 1970.
    package func period(at now: Timestamp) -> Int64 { now.milliseconds / windowMilliseconds }

    /// What was stored in an earlier window, as it stands in the running one.
    package func rolled(_ traffic: Traffic, from stored: Int64, at now: Timestamp) -> Traffic {
        switch period(at: now) - stored {
        // A clock that was set back a little.
        case 0, -1: traffic
        case 1:
            Traffic(
                sent: 0, confirmed: 0, previousSent: traffic.sent, previousConfirmed: traffic.confirmed,
                nextAt: traffic.nextAt, blockedUntil: traffic.blockedUntil)
        default:
            Traffic(
                sent: 0, confirmed: 0, previousSent: 0, previousConfirmed: 0, nextAt: traffic.nextAt,
                blockedUntil: traffic.blockedUntil)
        }
    }

    /// Where a subject stands between two texts.
    package enum Standing: String, Sendable { case free, throttled, exhausted, blocked }

    package func standing(of traffic: Traffic, at now: Timestamp) -> Standing {
        if now < traffic.blockedUntil { return .blocked }
        let next = unconfirmed(traffic, at: now) + 1
        return next <= limit.count * Self.throttlePercent / 100 ? .free : next <= limit.count ? .throttled : .exhausted
    }

    /// The running window and so much of the one before as still lies in the sliding one.
    package func counts(_ traffic: Traffic, at now: Timestamp) -> (sent: Int, confirmed: Int) {
        func share(_ count: Int) -> Int { Int(Int64(count) * left(at: now) / windowMilliseconds) }
        return (
            traffic.sent + share(traffic.previousSent), traffic.confirmed + share(traffic.previousConfirmed)
        )
    }

    package func unconfirmed(_ traffic: Traffic, at now: Timestamp) -> Int {
        debt(traffic.sent, traffic.confirmed)
            + Int(Int64(debt(traffic.previousSent, traffic.previousConfirmed)) * left(at: now) / windowMilliseconds)
    }

    private func debt(_ sent: Int, _ confirmed: Int) -> Int { sent - confirmed * textsPerConfirmation }

    /// Milliseconds of the running window that are still to come: as much of the one before still counts.
    private func left(at now: Timestamp) -> Int64 {
        windowMilliseconds - now.milliseconds % windowMilliseconds
    }

    /// Whether a text is one of a few too many for a place: real people, however many, do not come in such rows.
    package func isSuspicious(_ traffic: Traffic, at now: Timestamp) -> Bool {
        unconfirmed(traffic, at: now) > max(1, limit.count / 10)
    }

    /// When the window has slid far enough for this text, if nothing else happens.
    private func recovery(of traffic: Traffic, at now: Timestamp) -> Timestamp {
        let end = (period(at: now) + 1) * windowMilliseconds
        let current = debt(traffic.sent, traffic.confirmed)
        let previous = debt(traffic.previousSent, traffic.previousConfirmed)
        // Within this window the one before fades out. In the next one this one does, without the refused text, which
        // is a new one there.
        let moment =
            current <= limit.count && previous > 0
            ? end - mostLeft(of: previous, in: limit.count - current)
            : end + windowMilliseconds - mostLeft(of: max(current - 1, 1), in: limit.count - 1)
        return max(now.adding(seconds: 1), Timestamp(milliseconds: moment))
    }

    /// The most of a fading window that may be left for its `debt` to count no more than `room`.
    private func mostLeft(of debt: Int, in room: Int) -> Int64 {
        min(windowMilliseconds, (Int64(room + 1) * windowMilliseconds - 1) / Int64(debt))
    }
}
