package import JOSE
package import OAuth
package import Time

/// Keys that stand in the client's registration itself.
package struct InlineClientKeys: ClientKeySource {
    package init() {}

    package func keys(of client: Client, kid: String?, at now: Timestamp) async -> [JSONWebKey] {
        guard case .inline(let keys)? = client.keys else { return [] }
        return keys
    }
}
