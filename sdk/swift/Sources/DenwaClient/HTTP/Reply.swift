import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// An answer, with what this package looks for in its header.
struct Reply: Sendable {
    let body: Data
    let response: HTTPURLResponse

    var status: Int { response.statusCode }
    var isSuccess: Bool { (200..<300).contains(status) }

    func header(_ name: String) -> String? { response.value(forHTTPHeaderField: name) }

    /// Denwa writes it in seconds (RFC 9110 §10.2.3).
    var retryAfter: Duration? { header("Retry-After").flatMap { Int64($0) }.map { .seconds($0) } }

    /// The server's clock, to the second.
    var date: Date? { header("Date").flatMap { try? Date($0, strategy: Self.dateFormat) } }

    /// Whether the same request is welcome with the nonce that is in this answer: 400 of the server (RFC 9449 §8),
    /// 401 of an API (§9).
    var asksForNonce: Bool {
        guard header("DPoP-Nonce") != nil else { return false }
        return switch status {
        case 400: (try? JSONDecoder.snakeCase.decode(Refusal.self, from: body))?.code == "use_dpop_nonce"
        case 401: header("WWW-Authenticate")?.contains("use_dpop_nonce") == true
        default: false
        }
    }

    func decoded<Value: Decodable>(as type: Value.Type = Value.self) throws(DenwaError) -> Value {
        do {
            return try JSONDecoder.snakeCase.decode(type, from: body)
        } catch {
            throw DenwaError(.wrongAnswer, "the answer is not what it should be", status: status, underlying: error)
        }
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 §5.6.7).
    private static let dateFormat = Date.ParseStrategy(
        format: """
            \(weekday: .abbreviated), \(day: .twoDigits) \(month: .abbreviated) \(year: .defaultDigits) \
            \(hour: .twoDigits(clock: .twentyFourHour, hourCycle: .zeroBased)):\(minute: .twoDigits):\
            \(second: .twoDigits) GMT
            """,
        locale: Locale(identifier: "en_US_POSIX"), timeZone: .gmt)
}

extension JSONDecoder {
    /// Denwa's members are `snake_case`.
    static var snakeCase: JSONDecoder {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return decoder
    }
}
