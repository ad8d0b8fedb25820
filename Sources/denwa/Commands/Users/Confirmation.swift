#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Asks before something that cannot be undone.
enum Confirmation {
    static func ask(_ question: String, isGiven: Bool) throws {
        if isGiven { return }
        guard isatty(STDIN_FILENO) == 1 else { throw Failure("\(question) Say --yes, since nobody can be asked here.") }
        print("\(question) [y/N] ", terminator: "")
        guard readLine()?.lowercased() == "y" else { throw Failure("Nothing was done.") }
    }
}
