package import OAuth

/// The way to the server of a client.
package protocol LogoutTokenPost: Sendable {
    /// - Parameter form: encoded already.
    /// - Returns: the status of the answer; `nil` when there was none in time.
    func post(_ form: String, to url: String, of client: Client, within seconds: Int) async -> Int?
}

/// The operator who wrote an address into the client file may mean a server of their own network; a client that
/// described itself may not.
extension GuardedFetch: LogoutTokenPost {
    package func post(_ form: String, to url: String, of client: Client, within seconds: Int) async -> Int? {
        try? await post(url, form: form, isGuarded: client.isSelfDescribed, within: seconds)
    }
}
