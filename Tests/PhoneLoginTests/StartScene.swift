import OAuth
import PhoneLogin
import Storage
import TestSupport

/// The clients at which the logins of these tests start, and a request that sends a text.
enum StartScene {
    /// Two redirects, so that one must be named; a link page; a scope of its own.
    static var client: Client {
        var client = Client.fixture(redirectURIs: ["https://game.example/callback", "https://game.example/other"])
        client.linkURIs = [RedirectURI("https://game.example/link"), RedirectURI("https://game.example/link?v=2")]
            .compactMap(\.self)
        client.scope = Scope("offline profile")
        return client
    }

    static var machine: Client {
        var client = Client.fixture("machine", secret: "a long secret")
        client.grantTypes = [.clientCredentials]
        return client
    }

    static var careful: Client {
        var client = client
        client.id = ClientID("careful")
        client.requiresPKCE = true
        return client
    }

    static var request: PhoneLoginRequest {
        var request = PhoneLoginRequest.valid
        request.redirectURI = "https://game.example/callback"
        return request
    }

    /// The flow on a fresh store, with these clients.
    static func withFlow(
        _ settings: PhoneLoginSettings = PhoneLoginSettings(), _ body: (PhoneFlow) async throws -> Void
    ) async throws {
        try await withStore { store in
            try await body(
                PhoneFlow(store: store, clients: [client, machine, careful], settings: settings))
        }
    }
}
