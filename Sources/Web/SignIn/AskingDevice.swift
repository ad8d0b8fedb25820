/// What kind of device sent a request, in a few words of a closed set: they are shown to the person who decides
/// about the request, and nothing that a stranger writes may appear there.
enum AskingDevice {
    /// "Chrome · Windows"; `nil` when neither half is known.
    static func description(userAgent: String?) -> String? {
        guard let userAgent else { return nil }
        let parts = [first(of: programs, in: userAgent), first(of: systems, in: userAgent)].compactMap(\.self)
        return parts.isEmpty ? nil : parts.joined(separator: " · ")
    }

    private static func first(of known: [(mark: String, name: String)], in userAgent: String) -> String? {
        known.first { userAgent.contains($0.mark) }?.name
    }

    /// In this order: nearly every browser also claims to be another one.
    private static let programs = [
        ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser", "Samsung Internet"), ("YaBrowser", "Yandex"),
        ("Vivaldi", "Vivaldi"), ("FxiOS", "Firefox"), ("Firefox", "Firefox"), ("CriOS", "Chrome"),
        ("Chrome", "Chrome"), ("Safari", "Safari"), ("UnityPlayer", "Unity"), ("UnrealEngine", "Unreal Engine"),
    ]

    private static let systems = [
        ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("CrOS", "ChromeOS"),
        ("Macintosh", "Mac"), ("Mac OS X", "Mac"), ("Nintendo", "Nintendo"), ("PlayStation", "PlayStation"),
        ("Xbox", "Xbox"), ("Linux", "Linux"),
    ]
}
