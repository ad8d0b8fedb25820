import OAuth

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A logo as an operator names it: a path, from the folder of the file that names it.
enum LogoFile {
    /// Everything that would keep a server from starting.
    static func problems(of clients: [Client], namedIn file: String) -> [String] {
        clients.compactMap { client in
            do {
                _ = try client.logoFile.map { try read($0, namedIn: file) }
                return nil
            } catch {
                return "client \"\(client.id.rawValue)\": \(error)"
            }
        }
    }

    static func read(_ path: String, namedIn file: String) throws -> Logo {
        let folder = file.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        let path = path.hasPrefix("/") || folder.isEmpty ? path : "\(folder)/\(path)"
        guard let data = FileManager.default.contents(atPath: path) else {
            throw StartProblem("\(path): the logo cannot be read")
        }
        guard let logo = Logo(Array(data)) else {
            throw StartProblem("\(path): a logo is a PNG, JPEG, WebP, GIF or SVG of at most 64 KiB")
        }
        return logo
    }
}
