import AccountResources

/// The passwords that everybody tries first. docs/licences.md says where the list is from.
enum CommonPasswords {
    /// In small letters.
    static func contains(_ password: String) -> Bool { all.contains(password) }

    private static let all = Set(
        AccountFiles.commonPasswords.split(separator: UInt8(ascii: "\n")).map {
            String(decoding: $0, as: UTF8.self)
        })
}
