/// Logs a user in at PlayFab, for games whose data lives there.
package protocol PlayFabLogin: Sendable {
    /// - Parameter subject: the user as the client knows them; PlayFab makes its player at the first login.
    /// - Returns: the session ticket; `nil` when PlayFab gives none: a login here does not wait for one there.
    func sessionTicket(for subject: String) async -> String?
}

extension Scope {
    /// Asks for a PlayFab session ticket in the access token.
    var wantsPlayFab: Bool { contains("playfab") }
}
