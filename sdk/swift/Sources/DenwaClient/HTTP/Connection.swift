import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// Sends requests, with a proof of the device's key where one is wanted.
struct Connection: Sendable {
    let transport: any HTTPTransport

    /// One answer. A server that wants its nonce in the proof gets it: the same request is sent once more
    /// (RFC 9449 §8).
    ///
    /// - Parameter accessToken: what goes along in `Authorization`, since the proof names it.
    func send(
        _ request: URLRequest, prover: Prover? = nil, accessToken: String? = nil
    ) async throws(DenwaError) -> Reply {
        guard let url = request.url, url.isProtected else {
            throw DenwaError(.misconfigured, "the address must be https, or on this machine")
        }
        var reply = try await attempt(request, url, prover, accessToken)
        if prover != nil, reply.asksForNonce {
            reply = try await attempt(request, url, prover, accessToken)
        }
        return reply
    }

    private func attempt(
        _ request: URLRequest, _ url: URL, _ prover: Prover?, _ accessToken: String?
    ) async throws(DenwaError) -> Reply {
        var request = request
        do {
            let method = request.httpMethod ?? "GET"
            let proof = try await prover?.proof(method: method, url: url, accessToken: accessToken)
            if let proof { request.setValue(proof, forHTTPHeaderField: "DPoP") }
        } catch {
            throw .storage(error)
        }
        let reply = try await answer(to: request)
        if let nonce = reply.header("DPoP-Nonce") { await prover?.keep(nonce: nonce, of: url) }
        return reply
    }

    private func answer(to request: URLRequest) async throws(DenwaError) -> Reply {
        do {
            let (body, response) = try await transport.answer(to: request)
            return Reply(body: body, response: response)
        } catch {
            let isCancelled = error is CancellationError || (error as? URLError)?.code == .cancelled
            throw DenwaError(
                isCancelled ? .cancelled : .unreachable, isCancelled ? "cancelled" : "no answer", underlying: error)
        }
    }
}

extension URLRequest {
    static func post(_ form: Form, to url: URL) -> URLRequest {
        post(Data(form.encoded.utf8), "application/x-www-form-urlencoded", to: url)
    }

    static func post(_ value: some Encodable, to url: URL) throws(DenwaError) -> URLRequest {
        do {
            return post(try JSONEncoder().encode(value), "application/json", to: url)
        } catch {
            throw DenwaError(.misconfigured, "the request cannot be written", underlying: error)
        }
    }

    private static func post(_ body: Data, _ type: String, to url: URL) -> URLRequest {
        var request = URLRequest(url: url)
        request.httpMethod = "POST"
        request.httpBody = body
        request.setValue(type, forHTTPHeaderField: "Content-Type")
        request.setValue("application/json", forHTTPHeaderField: "Accept")
        return request
    }
}
