#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

/// Bytes in order, from wherever.
package protocol ByteSource: AnyObject {
    /// Bytes in all, if that is known.
    var size: Int64? { get }

    /// Up to `count` bytes, at least one; none at the end. Waits for them.
    func read(atMost count: Int) throws(UserFileError) -> [UInt8]

    /// Passes over `count` bytes, or over what is left.
    func skip(_ count: Int64) throws(UserFileError)
}

/// An open file or the standard input. Reads block: not for the threads that serve requests.
package final class FileSource: ByteSource {
    private let file: Int32
    private let isOwned: Bool
    package let size: Int64?

    package init(path: String) throws(UserFileError) {
        file = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw .unreadable }
        isOwned = true
        size = Self.size(of: file)
    }

    package static func standardInput() -> FileSource { FileSource(borrowing: STDIN_FILENO) }

    private init(borrowing file: Int32) {
        self.file = file
        isOwned = false
        size = Self.size(of: file)
    }

    deinit {
        if isOwned { close(file) }
    }

    package func read(atMost count: Int) throws(UserFileError) -> [UInt8] {
        while true {
            var result = 0
            let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
                #if canImport(Glibc)
                    result = unsafe Glibc.read(file, buffer.baseAddress, count)
                #else
                    result = unsafe Darwin.read(file, buffer.baseAddress, count)
                #endif
                initialized = max(result, 0)
            }
            if result >= 0 { return bytes }
            guard errno == EINTR else { throw .unreadable }
        }
    }

    package func skip(_ count: Int64) throws(UserFileError) {
        if size != nil {
            guard lseek(file, off_t(count), SEEK_CUR) >= 0 else { throw .unreadable }
            return
        }
        var left = count
        while left > 0 {
            let bytes = try read(atMost: Int(min(left, 1 << 18)))
            if bytes.isEmpty { return }
            left -= Int64(bytes.count)
        }
    }

    /// Only regular files have one: a pipe tells nothing, and cannot be sought in.
    private static func size(of file: Int32) -> Int64? {
        var status = stat()
        guard unsafe fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
        return Int64(status.st_size)
    }
}
