import COpenSSL

/// A digest algorithm, looked up once for the life of the process.
///
/// OpenSSL 3 otherwise searches its providers by name at every call, which takes as long as hashing 300 bytes.
/// `EVP_MD` is immutable and reference counted atomically, so any thread may use it.
@safe struct MessageDigest: @unchecked Sendable {
    let algorithm: OpaquePointer
    let size: Int

    static let sha256 = MessageDigest(fetching: "SHA256")
    static let sha384 = MessageDigest(fetching: "SHA384")
    static let sha512 = MessageDigest(fetching: "SHA512")

    private init(fetching name: String) {
        guard let algorithm = unsafe EVP_MD_fetch(nil, name, nil) else {
            // Without its default provider OpenSSL can do nothing this program needs.
            preconditionFailure("OpenSSL has no \(name)")
        }
        unsafe self.algorithm = algorithm
        self.size = Int(unsafe EVP_MD_get_size(algorithm))
    }

    func hash(_ message: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: size)
        guard unsafe EVP_Digest(message, message.count, &digest, nil, algorithm, nil) == 1 else {
            // Only a failed allocation gets here, and Swift stops on those as well.
            preconditionFailure("digest failed")
        }
        return digest
    }
}
