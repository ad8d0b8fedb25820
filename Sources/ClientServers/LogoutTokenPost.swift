package import OAuth
package import OutboundHTTP

/// The way to the server of a client.
package protocol LogoutTokenPost: Sendable {
    /// - Parameter form: encoded already.
    /// - Returns: the status of the answer; `nil` when there was none in time.
    func post(_ form: String, to url: String, of client: Client, within seconds: Int) async -> Int?
}

/// Straight there: the operator wrote the address into the client file.
package struct DirectLogoutTokenPost: LogoutTokenPost {
    private let http: OutboundHTTP

    package init(http: OutboundHTTP = OutboundHTTP()) { self.http = http }

    package func post(_ form: String, to url: String, of client: Client, within seconds: Int) async -> Int? {
        let request = OutboundRequest(
            url: url, headers: [("Content-Type", "application/x-www-form-urlencoded")], body: Array(form.utf8))
        return try? await http.send(request, within: seconds).status
    }
}
