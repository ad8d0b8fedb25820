/// The header fields of a 429 (RFC 6585 §4, RFC 9110 §10.2.3, draft-ietf-httpapi-ratelimit-headers-10).
///
/// Only refusals carry them: on an accepted request they would tell a stranger how often a number was tried.
package struct RateLimitFields: Sendable, Equatable {
    package let retryAfter: String
    package let policy: String
    package let rateLimit: String

    package init(_ refusal: LimitRefusal) {
        retryAfter = "\(refusal.retryAfterSeconds)"
        policy = "\"\(refusal.name.rawValue)\";q=\(refusal.limit.count);w=\(refusal.limit.windowSeconds)"
        rateLimit = "\"\(refusal.name.rawValue)\";r=0;t=\(refusal.retryAfterSeconds)"
    }
}
