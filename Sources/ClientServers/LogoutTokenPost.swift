package import OAuth

/// The way to the server of a client.
package protocol LogoutTokenPost: Sendable {
    /// - Parameter form: encoded already.
    /// - Returns: the status of the answer; `nil` when there was none in time.
    func post(_ form: String, to url: String, of client: Client, within seconds: Int) async -> Int?
}

/// The operator who wrote an address into the client file may mean a server of their own network; a client that
/// described itself may not.
package struct ClientsLogoutPost: LogoutTokenPost {
    private let operators: GuardedFetch
    private let strangers: GuardedFetch

    package init(operators: GuardedFetch, strangers: GuardedFetch) {
        self.operators = operators
        self.strangers = strangers
    }

    package func post(_ form: String, to url: String, of client: Client, within seconds: Int) async -> Int? {
        let way = client.isSelfDescribed ? strangers : operators
        return try? await way.post(url, form: form, isGuarded: client.isSelfDescribed, within: seconds)
    }
}
