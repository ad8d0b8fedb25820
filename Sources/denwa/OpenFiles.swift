#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// How many files and connections this process may have open.
enum OpenFiles {
    /// Raises the limit to what the system allows this user, and returns it: the usual soft limit of 1,024 is a
    /// thousand idle connections from one host.
    static func raiseLimit() -> Int {
        var limit = rlimit()
        guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
        let soft = limit.rlim_cur
        limit.rlim_cur = min(limit.rlim_max, 65_536)
        guard unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return Int(soft) }
        return Int(limit.rlim_cur)
    }
}
