import Hummingbird
import JOSE
import OAuth

/// A request whose shape is wrong, whatever it asks for.
enum WireFailure: Error {
    case missing
    case malformed
    case body(BodyFailure)

    var response: Response {
        switch self {
        case .missing: ErrorEnvelope.missing.response
        case .malformed: ErrorEnvelope.malformed.response
        case .body(let failure): failure.envelope.response
        }
    }
}

/// Query parameters of a route in Xsolla's format: unknown ones are ignored, repeated ones are malformed.
struct XsollaQuery {
    private let parameters: FormParameters

    init(_ request: Request) throws(WireFailure) {
        guard let parameters = request.query() else { throw .malformed }
        self.parameters = parameters
    }

    func value(_ name: String) throws(WireFailure) -> String? {
        do { return try parameters.optional(name) } catch { throw .malformed }
    }
}

/// A JSON body in Xsolla's format. A member of the wrong type is malformed; `null` counts as wrong too, since no
/// member here has a meaning for it.
struct XsollaBody {
    private let members: JSONObject

    init(_ request: Request) async throws(WireFailure) {
        do throws(BodyFailure) { members = try await request.jsonObject() } catch { throw .body(error) }
    }

    func string(_ name: String) throws(WireFailure) -> String? {
        guard let value = members[name] else { return nil }
        guard let string = value.string else { throw .malformed }
        return string
    }

    func bool(_ name: String) throws(WireFailure) -> Bool? {
        guard let value = members[name] else { return nil }
        guard let bool = value.bool else { throw .malformed }
        return bool
    }
}
