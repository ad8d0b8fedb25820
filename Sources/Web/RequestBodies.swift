import HTTPTypes
import Hummingbird
import JOSE
import NIOCore
import OAuth

/// Why a body could not be read.
enum BodyFailure: Error {
    case tooLarge
    case wrongContentType
    case malformed
}

extension Request {
    static let bodyLimit = 16 * 1024

    func bodyBytes(atMost limit: Int = bodyLimit) async throws(BodyFailure) -> [UInt8] {
        if let length = headers[.contentLength].flatMap(Int.init), length > limit { throw .tooLarge }
        do {
            let buffer = try await body.collect(upTo: limit)
            return Array(buffer.readableBytesView)
        } catch is NIOTooManyBytesError {
            throw .tooLarge
        } catch {
            throw .malformed
        }
    }

    /// A JSON object under a JSON content type. A form's type is what a cross-site page can send without being
    /// asked, so nothing else is taken.
    func jsonObject(atMost limit: Int = bodyLimit) async throws(BodyFailure) -> JSONObject {
        let type = mediaType
        guard type == "application/json" || type.hasSuffix("+json") else { throw .wrongContentType }
        let bytes = try await bodyBytes(atMost: limit)
        do {
            guard let object = try JSONValue(parsing: bytes).object else { throw BodyFailure.malformed }
            return object
        } catch {
            throw .malformed
        }
    }

    /// RFC 6749 Appendix B.
    func form() async throws(BodyFailure) -> FormParameters {
        guard mediaType == "application/x-www-form-urlencoded" else { throw .wrongContentType }
        let bytes = try await bodyBytes()
        do { return try FormParameters(parsing: bytes) } catch { throw .malformed }
    }

    func query() -> FormParameters? { try? FormParameters(parsing: uri.query ?? "") }

    /// Whether the client would rather have this media type than JSON (RFC 9110 §12.5.1). A wildcard takes what is
    /// usual, which is JSON.
    func prefers(_ type: String) -> Bool {
        let wanted = quality(of: type)
        return wanted > 0 && wanted >= quality(of: "application/json")
    }

    /// 0 for a type that the client does not name.
    private func quality(of type: String) -> Double {
        guard headers.contains(.accept) else { return 0 }
        let ranges = headers[values: .accept].joined(separator: ",").split(separator: ",").map { range in
            range.split(separator: ";").map { $0.filter { !$0.isWhitespace }.lowercased() }
        }
        guard let range = ranges.first(where: { $0.first == type }) else { return 0 }
        return range.first { $0.hasPrefix("q=") }.map { Double($0.dropFirst(2)) ?? 0 } ?? 1
    }

    /// The content type without its parameters, in lower case.
    private var mediaType: String {
        let value = headers[.contentType] ?? ""
        let isPlain = value.utf8.allSatisfy {
            $0 > 0x20 && $0 != UInt8(ascii: ";") && !(UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0)
        }
        if isPlain { return value }
        return String(decoding: value.utf8.prefix { $0 != UInt8(ascii: ";") }.filter { $0 > 0x20 }, as: UTF8.self)
            .lowercased()
    }
}
